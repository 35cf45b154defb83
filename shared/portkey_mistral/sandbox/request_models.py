"""Request bodies of Mistral's API as closed pydantic models: whatever they reject is a 422.

Source: Mistral's OpenAPI document of August 2026 and the fields that its SDK 3.7 adds. Numbers and booleans
given as strings are rejected. Rules that a schema cannot express are in `message_order` and `limits`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

__all__ = [
    "AssistantMessage",
    "ChatClassificationRequest",
    "ChatModerationRequest",
    "ChatRequest",
    "EmbeddingRequest",
    "FIMRequest",
    "FunctionTool",
    "GuardrailConfig",
    "Message",
    "ModerationRequest",
    "NamedToolChoice",
    "ServerTool",
    "SystemMessage",
    "ToolMessage",
    "UserMessage",
]


def _whole(value: object) -> object:
    """JSON has one number type, so 3.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer: TypeAlias = Annotated[int, BeforeValidator(_whole)]
# Not `Annotated[Integer, ...]`: pydantic would name its branch of a union after the address of a function.
Count: TypeAlias = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
Temperature: TypeAlias = Annotated[float, Field(ge=0, le=1.5)]
TopP: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Penalty: TypeAlias = Annotated[float, Field(ge=-2, le=2)]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Open(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


# Content chunks


class TextChunk(Closed):
    type: Literal["text"]
    text: str


class ImageDetail(StrEnum):
    LOW = "low"
    AUTO = "auto"
    HIGH = "high"


class ImageURL(Closed):
    url: str
    detail: ImageDetail | None = None


class ImageURLChunk(Closed):
    type: Literal["image_url"]
    image_url: ImageURL | str


class DocumentURLChunk(Closed):
    type: Literal["document_url"]
    document_url: str
    document_name: str | None = None


class ReferenceChunk(Closed):
    type: Literal["reference"]
    reference_ids: list[Integer | str]


class FileChunk(Closed):
    type: Literal["file"]
    file_id: UUID


class ToolReferenceChunk(Closed):
    type: Literal["tool_reference"] = "tool_reference"
    tool: str
    title: str
    url: str | None = None
    favicon: str | None = None
    description: str | None = None


class ThinkChunk(Closed):
    type: Literal["thinking"]
    thinking: list[TextChunk | ToolReferenceChunk | ReferenceChunk]
    signature: str | None = None
    closed: bool = True


class AudioChunk(Closed):
    type: Literal["input_audio"]
    input_audio: str


class ResourceChunk(Closed):
    type: Literal["resource"]
    uri: str
    content: Annotated[TextChunk | ImageURLChunk, Discriminator("type")]


class ResourceLinkChunk(Closed):
    type: Literal["resource_link"]
    uri: str
    metadata: dict[str, str | Integer | float | bool] | None = None


SystemChunk: TypeAlias = Annotated[TextChunk | ThinkChunk, Discriminator("type")]
Chunk: TypeAlias = Annotated[
    TextChunk
    | ImageURLChunk
    | DocumentURLChunk
    | ReferenceChunk
    | FileChunk
    | ThinkChunk
    | AudioChunk
    | ResourceChunk
    | ResourceLinkChunk,
    Discriminator("type"),
]


# Messages


class FunctionCall(Closed):
    name: str
    arguments: dict[str, Any] | str


class ToolCall(Closed):
    id: str = "null"
    type: Literal["function"] = "function"
    function: FunctionCall
    index: Integer = 0


class SystemMessage(Closed):
    role: Literal["system"]
    content: str | list[SystemChunk]


class UserMessage(Closed):
    role: Literal["user"]
    content: str | list[Chunk] | None


class AssistantMessage(Closed):
    role: Literal["assistant"]
    content: str | list[Chunk] | None = None
    tool_calls: list[ToolCall] | None = None
    prefix: bool = False


class ToolMessage(Closed):
    role: Literal["tool"]
    content: str | list[Chunk] | None
    tool_call_id: str | None = None
    name: str | None = None


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Discriminator("role")
]


# Tools


class Function(Closed):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str = ""
    strict: bool = False
    parameters: dict[str, Any]


class FunctionTool(Closed):
    type: Literal["function"] = "function"
    function: Function


class ToolConfiguration(Closed):
    exclude: list[str] | None = None
    include: list[str] | None = None
    requires_confirmation: list[str] | None = None


class ServerTool(Closed):
    """A tool that Mistral runs itself."""

    type: Literal["web_search", "web_search_premium", "code_interpreter", "image_generation"]
    tool_configuration: ToolConfiguration | None = None


class DocumentLibraryTool(Closed):
    type: Literal["document_library"]
    library_ids: Annotated[list[str], Field(min_length=1)]
    tool_configuration: ToolConfiguration | None = None


class OAuth2TokenAuth(Closed):
    type: Literal["oauth2-token"]
    value: str


class APIKeyAuth(Closed):
    type: Literal["api-key"]
    value: str


class ConnectorTool(Closed):
    type: Literal["connector"]
    connector_id: str
    authorization: Annotated[OAuth2TokenAuth | APIKeyAuth, Discriminator("type")] | None = None
    tool_configuration: ToolConfiguration | None = None


def _tool_type(value: object) -> object:
    """The `type` of a function tool may be left out, so a plain discriminator does not work."""
    kind = (
        value.get("type", "function") if isinstance(value, dict) else getattr(value, "type", None)
    )
    return kind if isinstance(kind, str) else None


Tool: TypeAlias = Annotated[
    Annotated[FunctionTool, Tag("function")]
    | Annotated[ServerTool, Tag("web_search")]
    | Annotated[ServerTool, Tag("web_search_premium")]
    | Annotated[ServerTool, Tag("code_interpreter")]
    | Annotated[ServerTool, Tag("image_generation")]
    | Annotated[DocumentLibraryTool, Tag("document_library")]
    | Annotated[ConnectorTool, Tag("connector")],
    Discriminator(_tool_type),
]


class FunctionName(Closed):
    name: str


class NamedToolChoice(Closed):
    type: Literal["function"] = "function"
    function: FunctionName


class ToolChoiceMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    ANY = "any"
    REQUIRED = "required"


# Output and policy


class JSONSchema(Closed):
    name: str
    description: str | None = None
    definition: dict[str, Any] = Field(alias="schema")
    strict: bool = False


class ResponseFormatType(StrEnum):
    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


class ResponseFormat(Closed):
    type: ResponseFormatType = ResponseFormatType.TEXT
    json_schema: JSONSchema | None = None


class Prediction(Closed):
    type: Literal["content"] = "content"
    content: str = ""


class ReasoningEffort(StrEnum):
    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class PromptMode(StrEnum):
    REASONING = "reasoning"


class ServiceTier(StrEnum):
    AUTO = "auto"
    STANDARD_ONLY = "standard_only"


class GuardrailAction(StrEnum):
    NONE = "none"
    BLOCK = "block"


class CategoryThresholdsV1(Open):
    """Categories of the first moderation model; unknown ones are ignored."""

    sexual: float | None = None
    hate_and_discrimination: float | None = None
    violence_and_threats: float | None = None
    dangerous_and_criminal_content: float | None = None
    selfharm: float | None = None
    health: float | None = None
    financial: float | None = None
    law: float | None = None
    pii: float | None = None


class CategoryThresholdsV2(Open):
    """Categories of the second moderation model; unknown ones are ignored."""

    sexual: float | None = None
    hate_and_discrimination: float | None = None
    violence_and_threats: float | None = None
    dangerous: float | None = None
    criminal: float | None = None
    selfharm: float | None = None
    health: float | None = None
    financial: float | None = None
    law: float | None = None
    pii: float | None = None
    jailbreaking: float | None = None


class ModerationV1(Open):
    model_name: str = "mistral-moderation-2411"
    custom_category_thresholds: CategoryThresholdsV1 | None = None
    ignore_other_categories: bool = False
    action: GuardrailAction = GuardrailAction.NONE


class ModerationV2(Open):
    model_name: str = "mistral-moderation-2603"
    custom_category_thresholds: CategoryThresholdsV2 | None = None
    ignore_other_categories: bool = False
    action: GuardrailAction = GuardrailAction.NONE


class GuardrailConfig(Open):
    block_on_error: bool = False
    moderation_llm_v1: ModerationV1 | None = None
    moderation_llm_v2: ModerationV2 | None = None


# Requests


class Completion(Closed):
    """The fields common to chat and fill-in-the-middle."""

    model: str
    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_tokens: Count | None = None
    min_tokens: Count | None = None
    stream: bool = False
    stop: str | list[str] | None = None
    random_seed: Count | None = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None


class ChatRequest(Completion):
    messages: list[Message]
    response_format: ResponseFormat = ResponseFormat()
    tools: list[Tool] | None = None
    tool_choice: NamedToolChoice | ToolChoiceMode = ToolChoiceMode.AUTO
    parallel_tool_calls: bool = True
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: float | None = None
    top_k: Integer | None = None
    n: Annotated[Integer, Field(ge=1)] | None = None
    prediction: Prediction = Prediction()
    reasoning_effort: ReasoningEffort | None = None
    prompt_mode: PromptMode | None = None
    guardrails: list[GuardrailConfig] | None = None
    service_tier: ServiceTier | None = None
    safe_prompt: bool = False
    logprobs: bool | None = None
    top_logprobs: Count | None = None
    prompt_logprobs: bool | None = None
    top_prompt_logprobs: Count | None = None


class FIMRequest(Completion):
    prompt: str
    suffix: str | None = ""


class Dtype(StrEnum):
    FLOAT = "float"
    INT8 = "int8"
    UINT8 = "uint8"
    BINARY = "binary"
    UBINARY = "ubinary"


class EncodingFormat(StrEnum):
    FLOAT = "float"
    BASE64 = "base64"


class EmbeddingRequest(Closed):
    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None
    output_dimension: Annotated[Integer, Field(gt=0)] | None = None
    output_dtype: Dtype = Dtype.FLOAT
    encoding_format: EncodingFormat = EncodingFormat.FLOAT


class ModerationRequest(Closed):
    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None


class ChatModerationRequest(Closed):
    model: str
    input: list[Message] | list[list[Message]]


class InstructRequest(Closed):
    messages: list[Message]


class ChatClassificationRequest(Closed):
    model: str
    input: InstructRequest | list[InstructRequest]
