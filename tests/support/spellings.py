"""A block of a message in the spelling of every vendor, and the part of ours that it is."""

from __future__ import annotations

from typing import Any

from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    FilePart,
    ImagePart,
    Part,
    ReferencePart,
    TextPart,
    ThinkingPart,
    UnknownPart,
)

__all__ = ["BLOCKS", "FILE", "PDF_URL", "PNG", "PNG_URL", "WEB"]

PNG = "iVBORw0KGgo="
PNG_URL = f"data:image/png;base64,{PNG}"
PDF_URL = "data:application/pdf;base64,JVBERi0="
WEB = "https://example.org/a"
FILE = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

BLOCKS: dict[str, tuple[dict[str, Any] | str, tuple[Part, ...]]] = {
    # text
    "bare string": ("hi", (TextPart("hi"),)),
    "text": ({"type": "text", "text": "hi"}, (TextPart("hi"),)),
    "text without a type": ({"text": "hi"}, (TextPart("hi"),)),
    "text with marks for others": (
        {
            "type": "text",
            "text": "hi",
            "id": "x",
            "index": 0,
            "cache_control": {"type": "ephemeral"},
        },
        (TextPart("hi"),),
    ),
    "empty text": ({"type": "text", "text": ""}, ()),
    "openai responses text": ({"type": "output_text", "text": "hi"}, (TextPart("hi"),)),
    "refusal": ({"type": "refusal", "refusal": "No."}, (TextPart("No."),)),
    "v1 plain text": (
        {"type": "text-plain", "text": "hi", "mime_type": "text/plain"},
        (TextPart("hi"),),
    ),
    "v1 plain text with a title": (
        {"type": "text-plain", "text": "hi", "title": "a", "context": "Of 2024."},
        (TextPart("Of 2024.\n\n"), TextPart("Document a:\n\nhi")),
    ),
    "bedrock cache point": ({"cachePoint": {"type": "default"}}, ()),
    # images
    "openai image": ({"type": "image_url", "image_url": {"url": WEB}}, (ImagePart(WEB),)),
    "openai image with detail": (
        {"type": "image_url", "image_url": {"url": WEB, "detail": "low"}},
        (ImagePart(WEB, "low"),),
    ),
    "mistral image": ({"type": "image_url", "image_url": WEB}, (ImagePart(WEB),)),
    "openai responses image": (
        {"type": "input_image", "image_url": WEB, "detail": "high"},
        (ImagePart(WEB, "high"),),
    ),
    "v1 image url": ({"type": "image", "url": WEB}, (ImagePart(WEB),)),
    "v1 image data": (
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v1 image data of unsaid type": ({"type": "image", "base64": PNG}, (ImagePart(PNG_URL),)),
    "v1 image file": ({"type": "image", "file_id": FILE}, (FilePart(FILE),)),
    "v0 image url": ({"type": "image", "source_type": "url", "url": WEB}, (ImagePart(WEB),)),
    "v0 image data": (
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v0 image file": ({"type": "image", "source_type": "id", "id": FILE}, (FilePart(FILE),)),
    "anthropic image data": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        (ImagePart(PNG_URL),),
    ),
    "anthropic image url": (
        {"type": "image", "source": {"type": "url", "url": WEB}},
        (ImagePart(WEB),),
    ),
    # documents
    "v1 pdf": (
        {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf"},
        (DocumentPart(PDF_URL),),
    ),
    "v1 pdf with a name": (
        {
            "type": "file",
            "base64": "JVBERi0=",
            "mime_type": "application/pdf",
            "extras": {"filename": "a.pdf"},
        },
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "v1 file url": ({"type": "file", "url": WEB}, (DocumentPart(WEB),)),
    "v1 file id": ({"type": "file", "file_id": FILE}, (FilePart(FILE),)),
    "v1 file that is an image": (
        {"type": "file", "base64": PNG, "mime_type": "image/png"},
        (ImagePart(PNG_URL),),
    ),
    "v1 file that is text": (
        {"type": "file", "base64": "aMOp", "mime_type": "text/markdown"},
        (TextPart("hé"),),
    ),
    "v0 pdf": (
        {
            "type": "file",
            "source_type": "base64",
            "data": "JVBERi0=",
            "mime_type": "application/pdf",
            "filename": "a.pdf",
        },
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "v0 text file": (
        {"type": "file", "source_type": "text", "text": "hi", "mime_type": "text/plain"},
        (TextPart("hi"),),
    ),
    "openai file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}},
        (DocumentPart(PDF_URL, "a.pdf"),),
    ),
    "openai file id": ({"type": "file", "file": {"file_id": FILE}}, (FilePart(FILE),)),
    "openai responses file": (
        {"type": "input_file", "file_url": WEB, "filename": "a.pdf"},
        (DocumentPart(WEB, "a.pdf"),),
    ),
    "anthropic document": (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "A",
        },
        (DocumentPart(PDF_URL, "A"),),
    ),
    "anthropic text document": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        (TextPart("hi"),),
    ),
    "anthropic document of blocks": (
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "hi"}]},
        },
        (TextPart("hi"),),
    ),
    "anthropic document of text with a title": (
        {
            "type": "document",
            "title": "a",
            "context": "Of 2024.",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
        },
        (TextPart("Of 2024.\n\n"), TextPart("Document a:\n\nhi")),
    ),
    "anthropic document of blocks with a title": (
        {
            "type": "document",
            "title": "a",
            "source": {"type": "content", "content": [{"type": "text", "text": "hi"}]},
        },
        (TextPart("Document a:\n\n"), TextPart("hi")),
    ),
    "anthropic pdf with a context": (
        {
            "type": "document",
            "title": "a",
            "context": "Of 2024.",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        (TextPart("Of 2024.\n\n"), DocumentPart(PDF_URL, "a")),
    ),
    "mistral document": (
        {"type": "document_url", "document_url": WEB, "document_name": "a"},
        (DocumentPart(WEB, "a"),),
    ),
    "document url in an object": (
        {"type": "document_url", "document_url": {"url": WEB, "document_name": "a"}},
        (DocumentPart(WEB, "a"),),
    ),
    "document url in an object, name beside it": (
        {"type": "document_url", "document_url": {"url": WEB}, "document_name": "a"},
        (DocumentPart(WEB, "a"),),
    ),
    "file url in an object": (
        {"type": "file_url", "file_url": {"url": WEB}},
        (DocumentPart(WEB),),
    ),
    "document url that is text": (
        {"type": "document_url", "document_url": "data:text/csv;base64,YSxi"},
        (TextPart("a,b"),),
    ),
    "openai file that is text": (
        {
            "type": "file",
            "file": {"filename": "a.md", "file_data": "data:text/markdown;base64,aMOp"},
        },
        (TextPart("Document a.md:\n\nhé"),),
    ),
    "file of an unknown type": (
        {"type": "file", "base64": "JVBERi0=", "mime_type": "application/octet-stream"},
        (DocumentPart(PDF_URL),),
    ),
    # audio
    "vllm audio url": ({"type": "audio_url", "audio_url": {"url": WEB}}, (AudioPart(WEB),)),
    "openai audio": (
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        (AudioPart("UklGRg==", "wav"),),
    ),
    "mistral audio": ({"type": "input_audio", "input_audio": WEB}, (AudioPart(WEB),)),
    "v1 audio": (
        {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/x-wav"},
        (AudioPart("UklGRg==", "wav"),),
    ),
    "v1 audio url": (
        {"type": "audio", "url": WEB, "mime_type": "audio/mpeg"},
        (AudioPart(WEB, "mp3"),),
    ),
    # thinking and references
    "v1 reasoning": ({"type": "reasoning", "reasoning": "hm"}, (ThinkingPart("hm"),)),
    "openai reasoning": (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "id": "rs_1"},
        (ThinkingPart("hm"),),
    ),
    "openai reasoning, encrypted": (
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        (),
    ),
    "anthropic thinking": (
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        (ThinkingPart("hm"),),
    ),
    "mistral thinking": (
        {
            "type": "thinking",
            "thinking": [
                {"type": "text", "text": "hm"},
                {"type": "reference", "reference_ids": [1]},
            ],
        },
        (ThinkingPart("hm", references=({"type": "reference", "reference_ids": [1]},)),),
    ),
    "anthropic redacted thinking": ({"type": "redacted_thinking", "data": "x"}, ()),
    "bedrock reasoning": (
        {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "sig"}},
        (ThinkingPart("hm"),),
    ),
    "bedrock redacted reasoning": (
        {"type": "reasoning_content", "reasoning_content": {"redacted_content": "x"}},
        (),
    ),
    "google signature of a call": ({"type": "function_call_signature", "signature": "x"}, ()),
    # what tools give
    "data": ({"type": "json", "json": {"a": "é"}}, (TextPart('{"a":"é"}'),)),
    "anthropic search result": (
        {
            "type": "search_result",
            "title": "A",
            "source": WEB,
            "content": [{"type": "text", "text": "hi"}],
        },
        (TextPart(f"[A - {WEB}]\n"), TextPart("hi")),
    ),
    "mistral reference": (
        {"type": "reference", "reference_ids": [1, "b"]},
        (ReferencePart((1, "b")),),
    ),
    "our citation": (
        {
            "type": "text",
            "text": "so",
            "annotations": [
                {"type": "citation", "url": WEB},
                {"type": "citation", "extras": {"reference_ids": [1]}},
            ],
        },
        (TextPart("so"), ReferencePart((1,))),
    ),
    "wrapped known block": (
        {"type": "non_standard", "value": {"type": "document_url", "document_url": WEB}},
        (DocumentPart(WEB),),
    ),
    "wrapped new block": (
        {"type": "non_standard", "value": {"type": "hologram", "x": 1}},
        (UnknownPart({"type": "hologram", "x": 1}),),
    ),
}
