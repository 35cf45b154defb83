"""A PDF that is read by OCR, cut into nodes, embedded and asked about."""

from __future__ import annotations

from typing import Any

from llama_index.core import VectorStoreIndex
from llama_index.core.node_parser import SentenceSplitter

from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralEmbedding,
    PortkeyMistralReader,
)
from portkey_mistral.demo.material import REPORT_PAGES, REPORT_QUESTION
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.demo.stage import Arguments, Stage


def answer(pdf: bytes, connection: Arguments) -> Any:
    pages = PortkeyMistralReader(**connection).load_data(pdf)
    nodes = SentenceSplitter(chunk_size=256).get_nodes_from_documents(pages)

    embedding = PortkeyMistralEmbedding(**connection)
    index = VectorStoreIndex(nodes, embed_model=embedding)
    llm = PortkeyMistral(**connection)
    engine = index.as_query_engine(llm=llm, similarity_top_k=1)
    return engine.query(REPORT_QUESTION)


def play(stage: Stage) -> None:
    stage.code(answer)
    pdf = make_pdf(REPORT_PAGES)
    stage.say("document", f"a PDF of {len(REPORT_PAGES)} pages and {len(pdf):,} bytes")
    stage.ask(REPORT_QUESTION)
    with stage.console.status("reading the document"):
        found = answer(pdf, stage.connection)
    stage.answer(str(found))
    stage.say("found on", f"page {found.source_nodes[0].metadata['page_label']}")
