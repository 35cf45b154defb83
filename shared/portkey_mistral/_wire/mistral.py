"""Encodes requests as Mistral's JSON: the canonical body, which routing reads and from which every dialect starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from portkey_mistral._json import drop_none
from portkey_mistral._wire.content import encode_content, encode_media
from portkey_mistral._wire.history import repair
from portkey_mistral._wire.message_names import with_name_in_text
from portkey_mistral._wire.mistral_schemas import encode_schema
from portkey_mistral._wire.parameters import drop_empty, resolve_aliases
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, FilePart, ImagePart, Message, ToolCall
from portkey_mistral.requests import (
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    Request,
    ResponseFormat,
    Tool,
    ToolChoice,
)

__all__ = ["encode_message", "encode_request"]

# Fields that are sent unchanged, under their own name.
_SAMPLING = ("temperature", "top_p", "max_tokens", "min_tokens", "random_seed")
_COMMON = ("prompt_cache_key",)
_CHAT = (
    *_SAMPLING,
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "top_k",
    "n",
    "logprobs",
    "top_logprobs",
    "safe_prompt",
    "prompt_mode",
    "reasoning_effort",
    "parallel_tool_calls",
    *_COMMON,
    "service_tier",
)
_FIM = ("suffix", *_SAMPLING, *_COMMON)
_EMBEDDING = ("output_dimension", "output_dtype", "encoding_format")
_OCR = (
    "include_image_base64",
    "image_limit",
    "image_min_size",
    "document_annotation_prompt",
    "table_format",
    "extract_header",
    "extract_footer",
    "include_blocks",
    "confidence_scores_granularity",
)


def encode_request(request: Request, *, stream: bool) -> dict[str, Any]:
    """Return the body of a request in Mistral's form, before any target's `override_params`.

    The history is repaired. Fields that are None, and an empty list of tools, are left out.

    Raises:
        InvalidRequestError: the request cannot succeed on any server.
    """
    body = drop_empty(_fields(request))
    if stream:
        body["stream"] = True
    return body


def _fields(request: Request) -> dict[str, Any]:
    match request:
        case ChatRequest():
            return _chat(request)
        case FIMRequest():
            return {
                "model": request.model,
                "prompt": request.prompt,
                **_attributes(request, _FIM),
                "stop": _stop(request.stop) if request.stop else None,
                "metadata": request.metadata,
                **_extra(request.extra),
            }
        case EmbeddingRequest():
            return {
                "model": request.model,
                "input": list(request.inputs),
                **_attributes(request, _EMBEDDING),
                "metadata": request.metadata,
                **_extra(request.extra),
            }
        case ModerationRequest():
            return {"model": request.model, "input": _moderation_input(request)}
        case ClassificationRequest():
            texts = _moderation_input(request)
            is_chat = request.messages is not None
            return {"model": request.model, "input": {"messages": texts} if is_chat else texts}
        case OCRRequest():
            return _ocr(request)
    assert_never(request)


def _chat(request: ChatRequest) -> dict[str, Any]:
    stop, choice, wanted = request.stop, request.tool_choice, request.response_format
    prediction = request.prediction
    messages = repair(request.messages, new_answer=_asks_for_new_answer(request))
    if request.name_messages:
        messages = list(map(with_name_in_text, messages))
    return {
        "model": request.model,
        "messages": list(map(encode_message, messages)),
        **_attributes(request, _CHAT),
        "stop": _stop(stop) if stop else None,
        "tools": list(map(_tool, request.tools)) if request.tools else None,
        "tool_choice": None if choice is None else _tool_choice(choice),
        "response_format": None if wanted is None else _response_format(wanted),
        "prediction": None if prediction is None else _prediction(prediction),
        "guardrails": None if request.guardrails is None else list(request.guardrails),
        "metadata": request.metadata,
        **_extra(request.extra),
    }


def _ocr(request: OCRRequest) -> dict[str, Any]:
    pages = request.pages
    boxes, whole = request.bbox_annotation_format, request.document_annotation_format
    return {
        "model": request.model,
        "document": _ocr_document(request.document),
        "pages": pages if pages is None or isinstance(pages, str) else list(pages),
        **_attributes(request, _OCR),
        "bbox_annotation_format": None if boxes is None else _response_format(boxes),
        "document_annotation_format": None if whole is None else _response_format(whole),
        **_extra(request.extra),
    }


def _ocr_document(document: DocumentPart | ImagePart | FilePart) -> dict[str, Any]:
    # The form of Mistral's examples: an image is a string, since its detail is for chat models.
    if isinstance(document, ImagePart):
        return {"type": "image_url", "image_url": document.url}
    return encode_media(document)


def _asks_for_new_answer(request: ChatRequest) -> bool:
    """Whether the answer has a form that cannot continue a text: JSON, or a tool call."""
    wanted, choice = request.response_format, request.tool_choice
    return (wanted is not None and wanted.type != "text") or (
        choice is not None and (choice.function is not None or choice.mode in ("any", "required"))
    )


def _attributes(request: Request, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def _extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    if "stream" in extra:
        raise InvalidRequestError(
            "'stream' is not a parameter of a request: call the streaming method instead."
        )
    if not extra:
        return {}
    # Mistral rejects stream_options, and always reports the usage of a stream.
    return {
        name: value for name, value in resolve_aliases(extra).items() if name != "stream_options"
    }


# --- messages ---------------------------------------------------------------------------------------


def encode_message(message: Message) -> dict[str, Any]:
    """Encode a message with only the members of its role: Mistral's messages are closed objects."""
    role, content = message.role, message.content
    body: dict[str, Any] = {
        "role": role,
        "content": content if isinstance(content, str) else encode_content(content),
    }
    if role == "assistant":
        if message.tool_calls:
            body["tool_calls"] = list(map(_tool_call, message.tool_calls))
        if message.prefix:
            body["prefix"] = True
    elif role == "tool":
        body["tool_call_id"] = message.tool_call_id
        if message.name:
            body["name"] = message.name
    return body


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _moderation_input(request: ModerationRequest | ClassificationRequest) -> list[Any]:
    # Not repaired: the conversation is moderated as it is, and a last assistant message is not a prefix.
    match request.inputs, request.messages:
        case None, list() | tuple() as messages:
            return [encode_message(message) for message in messages]
        case inputs, None if inputs is not None:
            return list(inputs)
        case _:
            raise InvalidRequestError(
                "Moderation and classification take either `inputs` or `messages`, and exactly one of them."
            )


# --- fields with their own encoding ---------------------------------------------------------------


def _stop(stop: str | Sequence[str]) -> str | list[str]:
    return stop if isinstance(stop, str) else list(stop)


def _tool(tool: Tool | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(tool, Tool):
        return dict(tool)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = encode_schema(tool.parameters, strict=bool(tool.strict))
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any] | None:
    if choice.function is not None:
        return {"type": "function", "function": {"name": choice.function}}
    return choice.mode


def _response_format(response_format: ResponseFormat) -> dict[str, Any]:
    if response_format.type != "json_schema":
        return {"type": response_format.type}
    if response_format.schema is None:
        raise InvalidRequestError("response_format of type 'json_schema' needs a schema.")
    schema = {
        "name": response_format.name or response_format.schema.get("title") or "answer",
        "schema": encode_schema(response_format.schema, strict=bool(response_format.strict)),
        "strict": response_format.strict,
        "description": response_format.description,
    }
    return {"type": "json_schema", "json_schema": drop_none(**schema)}


def _prediction(prediction: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(prediction, str):
        return {"type": "content", "content": prediction}
    return prediction
