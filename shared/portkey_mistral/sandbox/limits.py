"""The rules of Mistral's API that depend on the model or on the size of a request.

Checked in this order: model, tools and capabilities, sampling, context window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from portkey_mistral import models
from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox import tokens
from portkey_mistral.sandbox.errors import RefusalError, invalid_args, invalid_model, invalid_prompt
from portkey_mistral.sandbox.json_schema.schemas import schema_error
from portkey_mistral.sandbox.request_models import (
    ChatRequest,
    Dtype,
    EmbeddingRequest,
    FIMRequest,
    FunctionTool,
    Message,
    NamedToolChoice,
    PromptMode,
    ReasoningEffort,
    ResponseFormatType,
    ServerTool,
    ToolChoiceMode,
)

__all__ = [
    "MAX_INPUTS",
    "MAX_TOKENS",
    "MAX_TOKENS_PER_TEXT",
    "MAX_TOOLS",
    "check_chat",
    "check_embeddings",
    "check_fim",
    "prompt_tokens",
    "require_model",
]

MAX_TOOLS = 128
MAX_INPUTS = 512
MAX_TOKENS = 16_384
MAX_TOKENS_PER_TEXT = 8_192

# Not documented by Mistral; about the cost of an image of 500 x 400 pixels.
_MEDIA_TOKENS = 256
# The only family known to accept top_k; Mistral's own models reject it.
_TOP_K_FAMILY = "third-party"
# In the API's schema, but only agents and conversations run them.
_AGENT_TOOLS = {"web_search", "web_search_premium", "code_interpreter"}
_SINGLE_ANSWER_ONLY = "mistral-large-2512"


def require_model(name: str, capability: str, *, today: date) -> ModelInfo:
    """Return the model of a name; retired models and those without the capability are invalid."""
    model = models.find(name)
    if model is None or name not in {model.id, *model.aliases, *model.other_aliases}:
        raise invalid_model(name)
    if model.status_on(today) == "retired" or capability not in model.capabilities:
        raise invalid_model(name)
    return model


def check_chat(request: ChatRequest, model: ModelInfo) -> None:
    """Raise the first error that a well-formed chat request gets."""
    for refusal in _chat_refusals(request, model):
        raise refusal
    used = prompt_tokens(request.messages, request.tools)
    draft = tokens.count(request.prediction.content)
    _check_window(used + draft + (request.max_tokens or 0), used, draft, model)


def check_fim(request: FIMRequest, model: ModelInfo) -> None:
    if _greedy_conflict(request.temperature, request.top_p):
        raise invalid_args("top_p must be 1 when using greedy sampling.")
    used = tokens.count(request.prompt) + tokens.count(request.suffix or "")
    _check_window(used + (request.max_tokens or 0), used, 0, model)


def check_embeddings(request: EmbeddingRequest, model: ModelInfo) -> Sequence[int]:
    """Return the token count of each input; raise if the model has no such vectors or the batch is too large."""
    _check_vector_kind(request, model)
    texts = [request.input] if isinstance(request.input, str) else request.input
    if len(texts) > MAX_INPUTS:
        raise invalid_prompt("Too many inputs in request, split into more batches.")
    counts = [tokens.count(text) for text in texts]
    if sum(counts) > MAX_TOKENS:
        raise invalid_prompt("Too many tokens overall, split into more batches.")
    for index, number in enumerate(counts):
        if number > MAX_TOKENS_PER_TEXT:
            raise invalid_prompt(
                f"Input {index} contains {number} tokens, the maximum is {MAX_TOKENS_PER_TEXT}."
            )
    return counts


def prompt_tokens(messages: Sequence[Message], tools: Sequence[object] | None = None) -> int:
    total = sum(tokens.MESSAGE_TOKENS + _content_tokens(message) for message in messages)
    functions = (tool.function for tool in tools or () if isinstance(tool, FunctionTool))
    return total + sum(tokens.count(function.model_dump_json()) for function in functions)


def _content_tokens(message: Message) -> int:
    match message.content:
        case None:
            size = 0
        case str(text):
            size = tokens.count(text)
        case chunks:
            size = sum(_chunk_tokens(chunk) for chunk in chunks)
    calls = getattr(message, "tool_calls", None) or ()
    return size + sum(tokens.count(call.function.model_dump_json()) for call in calls)


def _chunk_tokens(chunk: object) -> int:
    match chunk:
        case object(text=str(text)):
            return tokens.count(text)
        case object(thinking=list(thoughts)):
            return sum(tokens.count(getattr(thought, "text", "")) for thought in thoughts)
        case _:
            return _MEDIA_TOKENS


def _chat_refusals(request: ChatRequest, model: ModelInfo) -> Iterator[RefusalError]:
    yield from _tool_refusals(request)
    yield from _capability_refusals(request, model)
    if _greedy_conflict(request.temperature, request.top_p):
        yield invalid_args("top_p must be 1 when using greedy sampling.")
    if (request.n or 1) > 1 and model.id == _SINGLE_ANSWER_ONLY:
        yield invalid_args("n > 1 is not supported for this model")
    if (request.n or 1) > 1 and request.prediction.content:
        yield invalid_args("n > 1 is not supported with prediction")
    wanted = request.response_format
    if wanted.type is ResponseFormatType.JSON_SCHEMA and wanted.json_schema is None:
        yield invalid_args("response_format of type json_schema needs a json_schema")
    if wanted.json_schema and (error := schema_error(wanted.json_schema.definition)):
        yield invalid_args(f"Invalid schema in response_format: {error}")


def _tool_refusals(request: ChatRequest) -> Iterator[RefusalError]:
    functions = {
        tool.function.name: tool.function.parameters
        for tool in request.tools or ()
        if isinstance(tool, FunctionTool)
    }
    if len(request.tools or ()) > MAX_TOOLS:
        yield invalid_args(
            f"Too many tools: {len(request.tools or ())}, the maximum is {MAX_TOOLS}"
        )
    for tool in request.tools or ():
        if isinstance(tool, ServerTool) and tool.type in _AGENT_TOOLS:
            yield invalid_args(f"{tool.type} is not supported in chat completions, only by agents")
    for name, parameters in functions.items():
        if error := schema_error(parameters):
            yield invalid_args(f"Invalid tool schema of {name}: {error}")
    match request.tool_choice:
        case NamedToolChoice(function=wanted) if wanted.name not in functions:
            yield invalid_args(f"tool_choice names {wanted.name}, which is not among the tools")
        case ToolChoiceMode.ANY | ToolChoiceMode.REQUIRED if not request.tools:
            yield invalid_args("tool_choice demands a call but there are no tools")
        case _:
            pass


def _capability_refusals(request: ChatRequest, model: ModelInfo) -> Iterator[RefusalError]:
    if request.tools and "tools" not in model.capabilities:
        yield invalid_args("Function calling is not enabled for this model")
    if _has_images(request.messages) and "vision" not in model.capabilities:
        yield invalid_args("Image content is not supported for this model")
    if request.prediction.content and "prediction" not in model.capabilities:
        yield invalid_args("Predicted outputs are not enabled for this model")
    if request.prompt_mode is PromptMode.REASONING:
        yield invalid_args("Reasoning prompt mode is not enabled for this model")
    if request.top_k is not None and model.family != _TOP_K_FAMILY:
        yield invalid_args("top_k sampling is not enabled for this model")
    if request.reasoning_effort is not None:
        yield from _effort_refusals(request.reasoning_effort, model)


def _effort_refusals(effort: ReasoningEffort, model: ModelInfo) -> Iterator[RefusalError]:
    if not model.reasoning_efforts:
        yield invalid_args("reasoning_effort is not enabled for this model")
    elif effort.value not in model.reasoning_efforts:
        allowed = ", ".join(model.reasoning_efforts)
        yield invalid_args(
            f"reasoning_effort {effort.value} is not supported for this model, use one of: {allowed}"
        )


def _has_images(messages: Sequence[Message]) -> bool:
    chunks = (chunk for message in messages for chunk in _chunks(message))
    return any(getattr(chunk, "type", None) == "image_url" for chunk in chunks)


def _chunks(message: Message) -> Sequence[object]:
    return message.content if isinstance(message.content, list) else ()


def _greedy_conflict(temperature: float | None, top_p: float | None) -> bool:
    return temperature == 0 and top_p is not None and top_p != 1


def _check_window(needed: int, prompt: int, draft: int, model: ModelInfo) -> None:
    window = model.context_window
    if window is not None and needed > window:
        raise invalid_args(
            f"Prompt contains {prompt} tokens and {draft} draft tokens, "
            f"too large for model with {window} maximum context length"
        )


def _check_vector_kind(request: EmbeddingRequest, model: ModelInfo) -> None:
    usual, longest = model.dimensions or 1024, model.max_dimensions or model.dimensions or 1024
    size = request.output_dimension or usual
    if usual == longest and (size != usual or request.output_dtype is not Dtype.FLOAT):
        raise invalid_args("output_dimension and output_dtype are not enabled for this model")
    if size > longest:
        raise invalid_args(f"output_dimension must be at most {longest} for this model")
    if request.output_dtype in {Dtype.BINARY, Dtype.UBINARY} and size % 8:
        raise invalid_args("output_dimension must be a multiple of 8 for binary vectors")
