"""Converts content blocks, in the formats of all vendors, to the core's parts. Blocks are never changed.

A block that Mistral does not accept raises `InvalidRequestError` with its location and type. Keys that are
meant for another vendor (`cache_control`, `id`, `index`) are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import to_json

from portkey_mistral.documents import document_from_data_url, text_document
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


def to_content(content: str | Sequence[str | Block], location: str) -> Content:
    """Convert the content of a message; `location` is named in errors."""
    return content if isinstance(content, str) else to_parts(content, location)


def to_parts(blocks: Iterable[str | Block], location: str) -> Parts:
    """Convert blocks in order; strings among them are text."""
    return tuple(
        part
        for index, block in enumerate(blocks)
        for part in _convert(block, f"{location}[{index}]")
    )


def _convert(block: str | Block, location: str) -> Parts:
    if isinstance(block, str):
        return (TextPart(block),) if block else ()
    type_ = _type_of(block)
    converter = _CONVERTERS.get(type_)
    if converter is None:
        raise InvalidRequestError(
            f"{location}: a block of type {type_!r} cannot be sent to Mistral, which accepts text, images, "
            "documents, audio and uploaded files. Convert it to one of these, or remove it."
        )
    try:
        return converter(block)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{location}, block of type {type_!r}: {error.message}") from None


def _type_of(block: Block) -> str:
    """Return the type; Bedrock's cache points have none, and neither does the text of old prompts."""
    if "type" in block:
        return str(block["type"])
    return "cache_point" if "cachePoint" in block else "text" if "text" in block else "unknown"


# --- sources: where an image, document or audio block has its data


@dataclass(frozen=True, slots=True)
class _Source:
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    text: str | None = None
    mime_type: str | None = None


def _source(block: Block) -> _Source:
    """Find the data in LangChain's v1 and v0 blocks, and in Anthropic's."""
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


_NO_DATA = "it has no data; pass 'url', 'base64' with 'mime_type', or 'file_id'."


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
    """Return a URL as a source; the media type in a `data:` URL takes precedence."""
    if url.startswith("data:"):
        mime = url[len("data:") :].partition(";")[0].partition(",")[0] or mime
    return _Source(url=url, mime_type=mime)


def _data_url(data: str, mime: str) -> str:
    return f"data:{mime};base64,{data}"


# The magic bytes of each format, in base64.
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
    raise InvalidRequestError("base64 data needs 'mime_type', for example 'image/png'.")


# --- text and citations


def _text(block: Block) -> Parts:
    text = str(block.get("text") or "")
    parts: Parts = (TextPart(text),) if text else ()
    return parts + tuple(_references(block.get("annotations") or ()))


def _references(annotations: Iterable[Block]) -> Iterable[ReferencePart]:
    """Convert our own citations (see `to_block`); those of other vendors mean nothing to Mistral."""
    for annotation in annotations:
        ids = _extras(annotation).get("reference_ids")
        if ids:
            yield ReferencePart(tuple(ids))


def _reference(block: Block) -> Parts:
    return (ReferencePart(tuple(block.get("reference_ids") or ())),)


def _refusal(block: Block) -> Parts:
    return (TextPart(str(block.get("refusal") or "")),)


def _ignored(_block: Block) -> Parts:
    return ()


# --- images, audio, files


def _image(block: Block) -> Parts:
    return (_image_part(_source(block), _extra(block, "detail")),)


def _image_url(block: Block) -> Parts:
    """Convert OpenAI's image, whose URL may be wrapped in an object."""
    match block:
        case {"image_url": str(url)}:
            return (ImagePart(url, block.get("detail")),)
        case {"image_url": {"url": str(url)} as image}:
            return (ImagePart(url, image.get("detail") or block.get("detail")),)
        case {"file_id": str(file_id)}:
            return (FilePart(file_id),)
    raise InvalidRequestError("'image_url' must be a URL or an object with 'url'.")


def _image_part(source: _Source, detail: Any = None) -> Part:
    if source.file_id is not None:
        return FilePart(source.file_id)
    if source.data is not None:
        return ImagePart(
            _data_url(source.data, source.mime_type or _image_type(source.data)), detail
        )
    if source.url is not None:
        return ImagePart(source.url, detail)
    raise InvalidRequestError("an image needs a 'url', 'base64' or 'file_id'.")


def _audio_part(source: _Source) -> Part:
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
    return (_audio_part(_source(block)),)


def _input_audio(block: Block) -> Parts:
    """Convert OpenAI's object with data and format, or Mistral's base64 text or URL."""
    match block:
        case {"input_audio": str(data)}:
            return (AudioPart(_without_data_prefix(data)),)
        case {"input_audio": {"data": str(data)} as audio}:
            return (AudioPart(_without_data_prefix(data), audio.get("format")),)
    raise InvalidRequestError(
        "'input_audio' must be base64 text or an object with 'data' and 'format'."
    )


def _audio_url(block: Block) -> Parts:
    """Convert vLLM's audio, whose URL is wrapped as OpenAI wraps an image's."""
    audio = block.get("audio_url")
    url = audio.get("url") if isinstance(audio, Mapping) else audio
    if not isinstance(url, str):
        raise InvalidRequestError("'audio_url' must be a URL or an object with 'url'.")
    return (_audio_part(_from_url(url, None)),)


def _file(block: Block) -> Parts:
    """Convert LangChain's file, OpenAI's nested `file`, or OpenAI's flat `input_file`."""
    nested = block.get("file")
    file = nested if isinstance(nested, Mapping) else block
    name = _name(file) or _name(block)
    match file:
        case {"file_data": str(data)}:
            return _by_media_type(_from_file_data(data), name)
        case {"file_url": str(url)}:
            return _by_media_type(_from_url(url, None), name)
    return _context(block) + _by_media_type(_source(file), name)


def _from_file_data(data: str) -> _Source:
    return _from_url(data, None) if data.startswith("data:") else _Source(data=data)


def _document(block: Block) -> Parts:
    """Convert Anthropic's document: a file, text, or nested blocks."""
    name, context = _name(block), _context(block)
    match block.get("source"):
        case {"type": "content", "content": str(text)}:
            return (*context, text_document(text, name))
        case {"type": "content", "content": list(blocks)}:
            heading: Parts = (text_document("", name),) if name else ()
            return context + heading + to_parts(blocks, "content")
    return context + _by_media_type(_source(block), name)


def _context(block: Block) -> Parts:
    """Return what LangChain and Anthropic let a user say about a document, outside of it."""
    context = _extra(block, "context")
    return (TextPart(f"{context}\n\n"),) if isinstance(context, str) and context else ()


def _document_url(block: Block) -> Parts:
    """Convert Mistral's document. Its URL may be wrapped in an object, as OpenAI wraps an image's, and Zhipu a file's."""
    document = block.get("document_url") or block.get("file_url")
    wrapper = document if isinstance(document, Mapping) else {}
    url = wrapper.get("url") if wrapper else document
    if not isinstance(url, str):
        raise InvalidRequestError(f"'{block['type']}' must be a URL or an object with 'url'.")
    names = (each.get("document_name") or _name(each) for each in (block, wrapper))
    return _by_media_type(_from_url(url, None), next(filter(None, names), None))


def _by_media_type(source: _Source, name: str | None) -> Parts:
    mime = source.mime_type or ""
    if source.text is not None:
        return (text_document(source.text, name),)
    if source.file_id is not None:
        return (FilePart(source.file_id),)
    if mime.startswith("image/"):
        return (_image_part(source),)
    if mime.startswith("audio/"):
        return (_audio_part(source),)
    if mime.startswith("video/"):
        raise InvalidRequestError("Mistral does not accept video.")
    url = source.url
    if url is None:
        url = _data_url(source.data or "", mime or "application/pdf")
    # The content of everything but PDF has to be inspected: text is sent as text, and Mistral reads few other types.
    if url.startswith("data:") and mime not in ("", "application/pdf"):
        return (document_from_data_url(url, name=name),)
    return (DocumentPart(url, name),)


def _name(block: Block) -> str | None:
    for key in ("filename", "title", "name"):
        value = _extra(block, key)
        if isinstance(value, str):
            return value
    return None


def _extra(block: Block, key: str) -> Any:
    """Return the value of a key in the block or in its `extras`."""
    return block.get(key) or _extras(block).get(key)


def _extras(block: Block) -> Block:
    """Return the keys of a block that LangChain keeps outside the standard ones."""
    extras: Block | None = block.get("extras")
    return extras or {}


# --- thinking


def _thinking(block: Block) -> Parts:
    """Convert Anthropic's text, whose signature is for Anthropic, or Mistral's list of texts and references."""
    thinking = block.get("thinking")
    if isinstance(thinking, str):
        return _thinking_parts(thinking, signature=None)
    members = [member for member in thinking or () if isinstance(member, Mapping)]
    text = "".join(
        str(member.get("text", "")) for member in members if member.get("type") == "text"
    )
    return _thinking_parts(
        text,
        signature=block.get("signature"),
        references=[member for member in members if member.get("type") != "text"],
        closed=block.get("closed", True),
    )


def _reasoning(block: Block) -> Parts:
    """Convert LangChain's block, or OpenAI's with its summaries."""
    extras = _extras(block)
    text = block.get("reasoning")
    if text is None:
        members = [*(block.get("summary") or ()), *(block.get("content") or ())]
        text = "\n".join(str(member.get("text", "")) for member in members)
    return _thinking_parts(
        text,
        signature=extras.get("signature"),
        references=extras.get("references") or (),
        closed=extras.get("closed", True),
    )


def _bedrock_reasoning(block: Block) -> Parts:
    match block.get("reasoning_content"):
        case {"text": str(text)}:
            return _thinking_parts(text, signature=None)
    return ()


def _thinking_parts(
    text: str, *, signature: str | None, references: Iterable[Block] = (), closed: bool = True
) -> Parts:
    kept = tuple(references)
    return (ThinkingPart(text, closed, signature, kept),) if text or kept else ()


# --- other blocks


def _json(block: Block) -> Parts:
    """Convert data in a tool result to text."""
    return (TextPart(to_json(block.get("json")).decode()),)


def _search_result(block: Block) -> Parts:
    """Convert Anthropic's search result to a heading with its source, and its content."""
    source = " - ".join(str(block[key]) for key in ("title", "source") if block.get(key))
    heading = (TextPart(f"[{source}]\n"),) if source else ()
    return heading + to_parts(block.get("content") or (), "content")


def _non_standard(block: Block) -> Parts:
    """Unwrap a block that LangChain does not know; one that is unknown here too is sent unchanged."""
    value = block.get("value")
    if not isinstance(value, Mapping):
        raise InvalidRequestError("'value' must be an object.")
    if _type_of(value) in _CONVERTERS:
        return _convert(value, "value")
    return (UnknownPart(dict(value)),)


_CONVERTERS: Mapping[str, Callable[[Block], Parts]] = {
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
    "audio_url": _audio_url,
    "file": _file,
    "input_file": _file,
    "document": _document,
    "document_url": _document_url,
    "file_url": _document_url,
    "thinking": _thinking,
    "reasoning": _reasoning,
    "reasoning_content": _bedrock_reasoning,
    # Encrypted: only Anthropic and Google can read their own.
    "redacted_thinking": _ignored,
    "function_call_signature": _ignored,
    "json": _json,
    "search_result": _search_result,
    "cache_point": _ignored,
    "non_standard": _non_standard,
}
