"""Reads content blocks in any vendor's spelling into parts. Blocks are read, never changed.

A block that Mistral cannot be told raises `InvalidRequestError` with its place and type. Keys that only
steer another vendor (`cache_control`, `id`, `index`) are left out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import to_json

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    AudioPart,
    Content,
    DocumentPart,
    FilePart,
    ImagePart,
    Part,
    ReferencePart,
    TextPart,
    ThinkingPart,
    UnknownPart,
)

__all__ = ["Block", "to_content", "to_parts"]

Block: TypeAlias = Mapping[str, Any]
Parts: TypeAlias = tuple[Part, ...]


def to_content(content: str | Sequence[str | Block], where: str) -> Content:
    """Read a message's content; `where` is its place in the request, for errors."""
    return content if isinstance(content, str) else to_parts(content, where)


def to_parts(blocks: Iterable[str | Block], where: str) -> Parts:
    """Read a list of blocks in order; bare strings are text."""
    return tuple(
        part for index, block in enumerate(blocks) for part in _read(block, f"{where}[{index}]")
    )


def _read(block: str | Block, where: str) -> Parts:
    if isinstance(block, str):
        return (TextPart(block),) if block else ()
    kind = _kind(block)
    reader = _READERS.get(kind)
    if reader is None:
        raise InvalidRequestError(
            f"{where}: a block of type {kind!r} cannot be sent to Mistral, which reads text, images, "
            "documents, audio and uploaded files. Turn it into one of these, or leave it out."
        )
    try:
        return reader(block)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{where}, block of type {kind!r}: {error.message}") from None


def _kind(block: Block) -> str:
    """Name the block's type; Bedrock marks cache points by a key, old prompts give text without a type."""
    if "type" in block:
        return str(block["type"])
    return "cache_point" if "cachePoint" in block else "text" if "text" in block else "unknown"


# --- where the data of a picture, a document or a sound lies ---


@dataclass(frozen=True, slots=True)
class _Source:
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    text: str | None = None
    mime_type: str | None = None


def _source(block: Block) -> _Source:
    """Find the data, in LangChain's v1 and v0 forms and in Anthropic's."""
    mime = block.get("mime_type")
    match block:
        case {"source": Mapping() as source}:
            return _anthropic_source(source)
        case {"source_type": "text", "text": str(text)} | {"source_type": "text", "url": str(text)}:
            return _Source(text=text, mime_type="text/plain")
        case {"source_type": "id", "id": str(file_id)} | {"file_id": str(file_id)}:
            return _Source(file_id=file_id)
        case {"base64": str(data)} | {"source_type": "base64", "data": str(data)}:
            return _Source(data=data, mime_type=mime)
        case {"url": str(url)}:
            return _from_url(url, mime)
        case {"text": str(text)}:
            return _Source(text=text, mime_type=mime)
    raise InvalidRequestError(_NO_DATA)


_NO_DATA = "it holds no data; give it a 'url', 'base64' with 'mime_type', or 'file_id'."


def _anthropic_source(source: Block) -> _Source:
    match source:
        case {"type": "base64", "data": str(data)}:
            return _Source(data=data, mime_type=source.get("media_type"))
        case {"type": "url", "url": str(url)}:
            return _Source(url=url)
        case {"type": "file", "file_id": str(file_id)}:
            return _Source(file_id=file_id)
        case {"type": "text", "data": str(text)}:
            return _Source(text=text, mime_type="text/plain")
    raise InvalidRequestError(_NO_DATA)


def _from_url(url: str, mime: str | None) -> _Source:
    """Take a URL; a `data:` URL says its own type."""
    if url.startswith("data:"):
        mime = url[len("data:") :].partition(";")[0].partition(",")[0] or mime
    return _Source(url=url, mime_type=mime)


def _data_url(data: str, mime: str) -> str:
    return f"data:{mime};base64,{data}"


# First characters of the base64 text of each format's magic bytes.
_IMAGE_MAGIC: Mapping[str, str] = {
    "iVBORw0K": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}


def _image_type(data: str) -> str:
    for magic, mime in _IMAGE_MAGIC.items():
        if data.startswith(magic):
            return mime
    raise InvalidRequestError("base64 data needs a 'mime_type', for example 'image/png'.")


# --- readers, one a kind of content ---


def _text(block: Block) -> Parts:
    text = str(block.get("text") or "")
    spoken: Parts = (TextPart(text),) if text else ()
    return spoken + tuple(_references(block.get("annotations") or ()))


def _references(annotations: Iterable[Block]) -> Iterable[ReferencePart]:
    """Find our own citations again (see `content_out`); other vendors' citations are not Mistral's."""
    for annotation in annotations:
        ids = _extras(annotation).get("reference_ids")
        if ids:
            yield ReferencePart(tuple(ids))


def _reference(block: Block) -> Parts:
    return (ReferencePart(tuple(block.get("reference_ids") or ())),)


def _refusal(block: Block) -> Parts:
    return (TextPart(str(block.get("refusal") or "")),)


def _nothing(_block: Block) -> Parts:
    return ()


def _image(block: Block) -> Parts:
    return (_picture(_source(block), _extra(block, "detail")),)


def _image_url(block: Block) -> Parts:
    """OpenAI's form, with the URL bare or in an object."""
    match block:
        case {"image_url": str(url)}:
            return (ImagePart(url, block.get("detail")),)
        case {"image_url": {"url": str(url)} as image}:
            return (ImagePart(url, image.get("detail") or block.get("detail")),)
        case {"file_id": str(file_id)}:
            return (FilePart(file_id),)
    raise InvalidRequestError("'image_url' must be a URL, or an object with 'url'.")


def _picture(source: _Source, detail: Any = None) -> Part:
    if source.file_id is not None:
        return FilePart(source.file_id)
    if source.data is not None:
        return ImagePart(
            _data_url(source.data, source.mime_type or _image_type(source.data)), detail
        )
    if source.url is not None:
        return ImagePart(source.url, detail)
    raise InvalidRequestError("an image needs a 'url', 'base64' or 'file_id'.")


def _sound(source: _Source) -> Part:
    if source.file_id is not None:
        return FilePart(source.file_id)
    data = source.data if source.data is not None else source.url
    if data is None:
        raise InvalidRequestError("audio needs a 'url', 'base64' or 'file_id'.")
    return AudioPart(_without_data_prefix(data), _audio_format(source.mime_type))


def _without_data_prefix(data: str) -> str:
    return data.partition(",")[2] if data.startswith("data:") else data


def _audio_format(mime: str | None) -> str | None:
    name = (mime or "").partition("/")[2].removeprefix("x-")
    return {"mpeg": "mp3"}.get(name, name) or None


def _audio(block: Block) -> Parts:
    return (_sound(_source(block)),)


def _input_audio(block: Block) -> Parts:
    """OpenAI gives an object with data and format, Mistral base64 text or a URL."""
    match block:
        case {"input_audio": str(data)}:
            return (AudioPart(_without_data_prefix(data)),)
        case {"input_audio": {"data": str(data)} as audio}:
            return (AudioPart(_without_data_prefix(data), audio.get("format")),)
    raise InvalidRequestError(
        "'input_audio' must be base64 text, or an object with 'data' and 'format'."
    )


def _file(block: Block) -> Parts:
    """A file of any type: LangChain's block, OpenAI's `file` object, or OpenAI's flat `input_file`."""
    inner = block.get("file")
    flat = inner if isinstance(inner, Mapping) else block
    name = _name(flat) or _name(block)
    match flat:
        case {"file_data": str(data)}:
            return _by_type(_from_file_data(data), name)
        case {"file_url": str(url)}:
            return _by_type(_from_url(url, None), name)
    return _by_type(_source(flat), name)


def _from_file_data(data: str) -> _Source:
    return _from_url(data, None) if data.startswith("data:") else _Source(data=data)


def _document(block: Block) -> Parts:
    """Anthropic's document: like a file, or made of further blocks."""
    match block.get("source"):
        case {"type": "content", "content": str(text)}:
            return (TextPart(text),)
        case {"type": "content", "content": list(blocks)}:
            return to_parts(blocks, "content")
    return _by_type(_source(block), _name(block))


def _document_url(block: Block) -> Parts:
    return (DocumentPart(str(block.get("document_url")), block.get("document_name")),)


def _by_type(source: _Source, name: str | None) -> Parts:
    """Choose the part by the file's media type."""
    mime = source.mime_type or ""
    if source.text is not None:
        return (TextPart(source.text),)
    if source.file_id is not None:
        return (FilePart(source.file_id),)
    if mime.startswith("image/"):
        return (_picture(source),)
    if mime.startswith("audio/"):
        return (_sound(source),)
    if mime.startswith("video/"):
        raise InvalidRequestError("Mistral reads no video.")
    if mime.startswith("text/") and source.data is not None:
        return (TextPart(_decoded(source.data)),)
    url = source.url
    if url is None:
        url = _data_url(source.data or "", mime or "application/pdf")
    return (DocumentPart(url, name),)


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequestError("its base64 data is not UTF-8 text.") from None


def _name(block: Block) -> str | None:
    for key in ("filename", "title", "name"):
        value = _extra(block, key)
        if isinstance(value, str):
            return value
    return None


def _extra(block: Block, key: str) -> Any:
    """Look a key up in the block or in its `extras`."""
    return block.get(key) or _extras(block).get(key)


def _extras(block: Block) -> Block:
    """Give what LangChain keeps of a block without knowing it."""
    extras: Block | None = block.get("extras")
    return extras or {}


def _thinking(block: Block) -> Parts:
    """Anthropic gives text, with a signature for itself; Mistral a list of texts and references."""
    thinking = block.get("thinking")
    if isinstance(thinking, str):
        return _thought(thinking, signature=None)
    members = [member for member in thinking or () if isinstance(member, Mapping)]
    text = "".join(
        str(member.get("text", "")) for member in members if member.get("type") == "text"
    )
    return _thought(
        text,
        signature=block.get("signature"),
        references=[member for member in members if member.get("type") != "text"],
        closed=block.get("closed", True),
    )


def _reasoning(block: Block) -> Parts:
    """LangChain's block, or OpenAI's with its summaries."""
    extras = _extras(block)
    text = block.get("reasoning")
    if text is None:
        members = [*(block.get("summary") or ()), *(block.get("content") or ())]
        text = "\n".join(str(member.get("text", "")) for member in members)
    return _thought(
        text,
        signature=extras.get("signature"),
        references=extras.get("references") or (),
        closed=extras.get("closed", True),
    )


def _bedrock_reasoning(block: Block) -> Parts:
    match block.get("reasoning_content"):
        case {"text": str(text)}:
            return _thought(text, signature=None)
    return ()


def _thought(
    text: str, *, signature: str | None, references: Iterable[Block] = (), closed: bool = True
) -> Parts:
    kept = tuple(references)
    return (ThinkingPart(text, closed, signature, kept),) if text or kept else ()


def _json(block: Block) -> Parts:
    """What a tool gave as data goes as its text."""
    return (TextPart(to_json(block.get("json")).decode()),)


def _search_result(block: Block) -> Parts:
    """Anthropic's search result: where it is from, and what it says."""
    source = " - ".join(str(block[key]) for key in ("title", "source") if block.get(key))
    heading = (TextPart(f"[{source}]\n"),) if source else ()
    return heading + to_parts(block.get("content") or (), "content")


def _non_standard(block: Block) -> Parts:
    """Unwrap what LangChain did not know; what we do not know either is sent as it is."""
    value = block.get("value")
    if not isinstance(value, Mapping):
        raise InvalidRequestError("'value' must be an object.")
    return _read(value, "value") if _kind(value) in _READERS else (UnknownPart(dict(value)),)


_READERS: Mapping[str, Callable[[Block], Parts]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "text-plain": _file,
    "reference": _reference,
    "image": _image,
    "image_url": _image_url,
    "input_image": _image_url,
    "audio": _audio,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _file,
    "document": _document,
    "document_url": _document_url,
    "thinking": _thinking,
    "reasoning": _reasoning,
    "reasoning_content": _bedrock_reasoning,
    # Encrypted for Anthropic and Google: nobody else can read it.
    "redacted_thinking": _nothing,
    "function_call_signature": _nothing,
    "json": _json,
    "search_result": _search_result,
    "cache_point": _nothing,
    "non_standard": _non_standard,
}
