"""Mistral models through Portkey, directly, or offline: the core of both adapters."""

from typing import TYPE_CHECKING

from portkey_mistral.adapter_support import on_demand as _on_demand
from portkey_mistral.budget import Budget
from portkey_mistral.config import Config, UnknownConfigKeyWarning
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BatchError,
    BudgetExceededError,
    CapabilityError,
    ConfigurationError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailDeniedError,
    InternalServerError,
    InvalidRequestError,
    ModerationError,
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
from portkey_mistral.guardrails import GuardrailCheck, GuardrailVerdict
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
from portkey_mistral.prices import Cost
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from portkey_mistral.responses import (
    AttemptRecord,
    CallInfo,
    ChatResponse,
    Choice,
    ClassificationResponse,
    Delta,
    EmbeddingBatch,
    EmbeddingResponse,
    ModelCard,
    ModerationResponse,
    ToolCallDelta,
    Usage,
)
from portkey_mistral.settings.connection import MODEL_CONFIG, ConnectionSettings

if TYPE_CHECKING:
    from portkey_mistral._batch.job import BatchJob
    from portkey_mistral._transport.streaming import AsyncStream, Stream
    from portkey_mistral._version import __version__
    from portkey_mistral.accumulator import Assembler
    from portkey_mistral.batch import BatchProgress, BatchResult
    from portkey_mistral.client import Client, ConnectedSettings
    from portkey_mistral.ocr import OCRDimensions, OCRImage, OCRPage, OCRResponse, OCRTable
    from portkey_mistral.responses import EmbeddingProgress
    from portkey_mistral.settings.embedding import EmbeddingSettings
    from portkey_mistral.settings.generation import GenerationSettings
    from portkey_mistral.state import SharedStateWarning
    from portkey_mistral.state.usage import UsageTotal
else:
    # Imported on first use: the client takes longer to import than all the rest, and few programs need both kinds of
    # settings.
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "Assembler": "portkey_mistral.accumulator",
            "AsyncStream": "portkey_mistral._transport.streaming",
            "Client": "portkey_mistral.client",
            "ConnectedSettings": "portkey_mistral.client",
            "BatchJob": "portkey_mistral._batch.job",
            "BatchProgress": "portkey_mistral.batch",
            "BatchResult": "portkey_mistral.batch",
            "EmbeddingProgress": "portkey_mistral.responses",
            "EmbeddingSettings": "portkey_mistral.settings.embedding",
            "GenerationSettings": "portkey_mistral.settings.generation",
            "OCRDimensions": "portkey_mistral.ocr",
            "OCRImage": "portkey_mistral.ocr",
            "OCRPage": "portkey_mistral.ocr",
            "OCRResponse": "portkey_mistral.ocr",
            "OCRTable": "portkey_mistral.ocr",
            "SharedStateWarning": "portkey_mistral.state",
            "UsageTotal": "portkey_mistral.state.usage",
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
    "BatchError",
    "BatchJob",
    "BatchProgress",
    "BatchResult",
    "Budget",
    "BudgetExceededError",
    "CallInfo",
    "CallOptions",
    "CapabilityError",
    "ChatRequest",
    "ChatResponse",
    "Choice",
    "ClassificationRequest",
    "ClassificationResponse",
    "Client",
    "Config",
    "ConfigurationError",
    "ConnectedSettings",
    "ConnectionSettings",
    "Content",
    "ContextWindowExceededError",
    "Cost",
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
    "GuardrailCheck",
    "GuardrailDeniedError",
    "GuardrailVerdict",
    "ImagePart",
    "InternalServerError",
    "InvalidRequestError",
    "Message",
    "ModelCard",
    "ModelInfo",
    "ModelRetiredWarning",
    "ModerationError",
    "ModerationRequest",
    "ModerationResponse",
    "NotFoundError",
    "OCRDimensions",
    "OCRImage",
    "OCRPage",
    "OCRRequest",
    "OCRResponse",
    "OCRTable",
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
    "UnknownConfigKeyWarning",
    "UnknownPart",
    "UnprocessableEntityError",
    "Usage",
    "UsageTotal",
    "__version__",
]
