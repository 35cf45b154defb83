"""Conversations are counted offline, documents and audio too, so that memories can cut them."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
)
from llama_index.core.memory import Memory

from llamaindex_portkey_mistral import PortkeyMistral

PDF = b"%PDF-1.7" + b"<</Type /Page>>" * 5 + b"x" * 300_000
MEDIA = {
    "document": (DocumentBlock(data=PDF, document_mimetype="application/pdf"), 5000),
    "document by url": (DocumentBlock(url="https://x.test/a.pdf"), 10_000),
    "audio": (AudioBlock(audio=b"ID3\0" + b"x" * 319_996, format="mp3"), 1001),
    "image": (ImageBlock(url="https://x.test/a.png"), 3025),
}


@pytest.mark.parametrize("name", MEDIA)
def test_media_count(name):
    block, tokens = MEDIA[name]
    llm = PortkeyMistral(base_url="sandbox:")
    text = ChatMessage(role="user", blocks=[TextBlock(text="See this.")])
    both = ChatMessage(role="user", blocks=[TextBlock(text="See this."), block])
    assert llm.count_tokens([both]) - llm.count_tokens([text]) == tokens


@pytest.mark.skipif(
    "document_token_size_estimate" not in Memory.model_fields,
    reason="the memory of older versions of LlamaIndex counts no documents",
)
def test_a_memory_cuts_documents_by_their_tokens():
    llm = PortkeyMistral(base_url="sandbox:")
    document = ChatMessage(role="user", blocks=[MEDIA["document"][0]])
    memory = Memory(token_limit=8000, document_token_size_estimate=llm.count_tokens([document]))
    answer = ChatMessage(role="assistant", content="A report.")
    memory.put_messages([document, answer, document, answer, ChatMessage(content="Who wrote it?")])
    kept = memory.get()
    assert kept[-1].content == "Who wrote it?"
    assert llm.count_tokens(kept) <= 8000
