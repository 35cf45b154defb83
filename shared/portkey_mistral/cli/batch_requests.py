"""The requests of a batch, from a file: bodies in the form of Mistral's API, or prompts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from portkey_mistral._wire.content import decode_content, decode_part
from portkey_mistral._wire.malformed import MalformedResponse
from portkey_mistral.cli.input_files import is_stdin, read_input
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, FilePart, ImagePart, Message, ToolCall
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    Request,
)

__all__ = ["RequestFile", "read_requests"]

_JSON_LINES = (".jsonl", ".ndjson")
_ROLES = ("system", "user", "assistant", "tool")
# Of a line of OpenAI's batch files; a batch is never streamed.
_NOT_SENT = ("custom_id", "method", "url", "stream")


@dataclass(frozen=True, slots=True)
class RequestFile:
    """The requests of a file, with the `custom_id` of each line, or its position."""

    requests: Sequence[Request]
    custom_ids: Sequence[str]
    digest: str

    @property
    def name(self) -> str:
        """A name for the batch that is the same whenever the same requests are sent."""
        return f"portkey-mistral-{self.digest[:16]}"


def read_requests(path: Path, model: str | None, system: str | None) -> RequestFile:
    """Read JSON lines, from a file or (`-`) standard input, or prompts of any other file, one a line.

    A line is the body of a request, or has it as `body`, as in batch files of Mistral and OpenAI. What the body asks for
    follows from its members: `messages` (chat), `prompt` (fill-in-the-middle), `input` (embeddings, or moderation by a
    moderation model), `document` (OCR).

    Args:
        path: The file.
        model: Model of bodies that name none.
        system: System message of prompts.

    Raises:
        InvalidRequestError: a line is not a request (the message has its number), or `system` comes with JSON lines.
    """
    text = read_input(path)
    is_json = is_stdin(path) or path.suffix.lower() in _JSON_LINES
    if is_json and system is not None:
        raise InvalidRequestError(
            f"--system is for prompts: write it into the messages of {path}, which has whole requests."
        )
    requests: list[Request] = []
    custom_ids: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        if is_json:
            row = _json_object(line, where)
            custom_id = row.get("custom_id")
            custom_ids.append(str(len(requests) if custom_id is None else custom_id))
            requests.append(_request(row.get("body", row), model, where))
        else:
            custom_ids.append(str(len(requests)))
            requests.append(_prompt(line, model, system, where))
    if not requests:
        raise InvalidRequestError(f"{path} has no requests.")
    digest = sha256(repr((text, model, system)).encode()).hexdigest()
    return RequestFile(requests, custom_ids, digest)


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{where} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{where} must be a JSON object, got {type(value).__name__}.")
    return value


def _prompt(line: str, model: str | None, system: str | None, where: str) -> ChatRequest:
    messages = [Message.user(line.strip())]
    if system is not None:
        messages.insert(0, Message.system(system))
    return ChatRequest(model=_named(model, where), messages=messages)


def _request(body: object, default_model: str | None, where: str) -> Request:
    if not isinstance(body, dict):
        raise InvalidRequestError(f"{where}: body must be a JSON object.")
    rest = {name: value for name, value in body.items() if name not in _NOT_SENT}
    model = _named(rest.pop("model", None) or default_model, where)
    match rest:
        case {"messages": list(messages)} if not _is_moderation(model):
            del rest["messages"]
            return ChatRequest(model=model, messages=_messages(messages, where), extra=rest)
        case {"prompt": str(prompt)}:
            del rest["prompt"]
            suffix = rest.pop("suffix", None)
            return FIMRequest(model=model, prompt=prompt, suffix=suffix, extra=rest)
        case {"input": str() | list() as texts}:
            return _of_texts(model, [texts] if isinstance(texts, str) else texts, rest)
        case {"document": dict(document)}:
            return _of_document(model, document, rest, where)
    raise InvalidRequestError(
        f"{where} is not a request: the body needs messages (chat), prompt (fill-in-the-middle), input (embeddings, "
        "moderation) or document (OCR)."
    )


def _of_document(
    model: str, document: Mapping[str, Any], rest: Mapping[str, Any], where: str
) -> OCRRequest:
    part = decode_part(document)
    if not isinstance(part, DocumentPart | ImagePart | FilePart):
        raise InvalidRequestError(
            f"{where}: document must be a document_url, an image_url or a file of Mistral's API."
        )
    extra = {name: value for name, value in rest.items() if name != "document"}
    return OCRRequest(model=model, document=part, extra=extra)


def _of_texts(model: str, texts: Sequence[Any], rest: Mapping[str, Any]) -> Request:
    if _is_moderation(model):
        return ModerationRequest(model=model, inputs=texts)
    named = ("output_dimension", "output_dtype", "encoding_format", "metadata")
    return EmbeddingRequest(
        model=model,
        inputs=texts,
        **{name: rest.get(name) for name in named},
        extra={name: value for name, value in rest.items() if name not in ("input", *named)},
    )


def _is_moderation(model: str) -> bool:
    return "moderation" in model


def _named(model: object, where: str) -> str:
    if isinstance(model, str) and model:
        return model
    raise InvalidRequestError(f"{where} has no model: add it to the request, or pass --model.")


# --- messages ---------------------------------------------------------------------------------------


def _messages(raw: Iterable[object], where: str) -> list[Message]:
    return list(_each_message(raw, where))


def _each_message(raw: Iterable[object], where: str) -> Iterator[Message]:
    for at, each in enumerate(raw):
        try:
            yield _message(each)
        except (MalformedResponse, KeyError, TypeError, AttributeError):
            raise InvalidRequestError(
                f"{where}: messages[{at}] is not a message of Mistral's API."
            ) from None


def _message(raw: Any) -> Message:
    role = raw["role"]
    if role not in _ROLES:
        raise TypeError(role)
    return Message(
        role,
        decode_content(raw.get("content")),
        tuple(_tool_call(call) for call in raw.get("tool_calls") or ()),
        tool_call_id=raw.get("tool_call_id"),
        name=raw.get("name"),
        prefix=raw.get("prefix"),
    )


def _tool_call(raw: Any) -> ToolCall:
    function = raw["function"]
    arguments = function.get("arguments") or "{}"
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(raw.get("id"), function["name"], text)
