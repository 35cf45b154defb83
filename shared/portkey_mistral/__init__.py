"""Mistral models over Portkey, straight at Mistral, or offline: the core under both adapters."""

from typing import TYPE_CHECKING

from portkey_mistral.config import Config
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CapabilityError,
    ConfigurationError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailDeniedError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    ParameterLossError,
    PermissionDeniedError,
    PortkeyMistralError,
    RateLimitError,
    ResidencyError,
    ResponseFormatError,
    StreamInterruptedError,
    UnprocessableEntityError,
)
from portkey_mistral.lazy import on_demand as _on_demand
from portkey_mistral.messages import (
    AudioPart,
    Content,
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReferencePart,
    Role,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)
from portkey_mistral.models import ModelInfo, ModelRetiredWarning
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from portkey_mistral.responses import (
    AttemptRecord,
    CallInfo,
    ChatResponse,
    Choice,
    Delta,
    EmbeddingBatch,
    EmbeddingResponse,
    ModelCard,
    ModerationResponse,
    ToolCallDelta,
    Usage,
)
from portkey_mistral.settings import MODEL_CONFIG, ConnectionSettings
from portkey_mistral.state import SharedStateWarning

if TYPE_CHECKING:
    from portkey_mistral._transport.streaming import AsyncStream, Stream
    from portkey_mistral._version import __version__
    from portkey_mistral._wire.assembly import Assembler
    from portkey_mistral.client import Client
    from portkey_mistral.embeddings import EmbeddingSettings
    from portkey_mistral.generation import GenerationSettings
    from portkey_mistral.progress import EmbeddingProgress
else:
    # What makes calls takes longer to import than all the rest, and nobody needs both kinds of settings.
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "Assembler": "portkey_mistral._wire.assembly",
            "AsyncStream": "portkey_mistral._transport.streaming",
            "Client": "portkey_mistral.client",
            "EmbeddingProgress": "portkey_mistral.progress",
            "EmbeddingSettings": "portkey_mistral.embeddings",
            "GenerationSettings": "portkey_mistral.generation",
            "Stream": "portkey_mistral._transport.streaming",
            "__version__": "portkey_mistral._version",
        },
    )

__all__ = [
    "MODEL_CONFIG",
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Assembler",
    "AsyncStream",
    "AttemptRecord",
    "AudioPart",
    "AuthenticationError",
    "BadRequestError",
    "CallInfo",
    "CallOptions",
    "CapabilityError",
    "ChatRequest",
    "ChatResponse",
    "Choice",
    "Client",
    "Config",
    "ConfigurationError",
    "ConnectionSettings",
    "Content",
    "ContextWindowExceededError",
    "Delta",
    "DocumentPart",
    "EmbeddingBatch",
    "EmbeddingProgress",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingSettings",
    "FIMRequest",
    "FilePart",
    "GatewayError",
    "GenerationSettings",
    "GuardrailDeniedError",
    "ImagePart",
    "InternalServerError",
    "InvalidRequestError",
    "Message",
    "ModelCard",
    "ModelInfo",
    "ModelRetiredWarning",
    "ModerationRequest",
    "ModerationResponse",
    "NotFoundError",
    "ParameterLossError",
    "Part",
    "PermissionDeniedError",
    "PortkeyMistralError",
    "RateLimitError",
    "ReferencePart",
    "ResidencyError",
    "ResponseFormat",
    "ResponseFormatError",
    "Role",
    "SharedStateWarning",
    "Stream",
    "StreamInterruptedError",
    "TextPart",
    "ThinkingPart",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "UnknownPart",
    "UnprocessableEntityError",
    "Usage",
    "__version__",
]
