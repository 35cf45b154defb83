"""Retrieval and answer in LlamaIndex, over the same pages."""

from __future__ import annotations

from typing import Any

from llama_index.core import VectorStoreIndex
from llama_index.core.schema import BaseNode, TextNode

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.material import CORPUS_QUESTION
from portkey_mistral.demo.stage import Arguments, Stage


def answer(nodes: list[BaseNode], connection: Arguments) -> Any:
    embedding = PortkeyMistralEmbedding(**connection)
    index = VectorStoreIndex(nodes, embed_model=embedding)
    llm = PortkeyMistral(**connection)
    engine = index.as_query_engine(llm=llm, similarity_top_k=4)
    return engine.query(CORPUS_QUESTION)


def play(stage: Stage) -> None:
    stage.code(answer)
    nodes: list[BaseNode] = [
        TextNode(text=p.text, metadata={"page": p.page}, excluded_embed_metadata_keys=["page"])
        for p in passages()
    ]
    stage.ask(CORPUS_QUESTION)
    with stage.console.status("embedding the corpus"):
        found = answer(nodes, stage.connection)
    stage.answer(str(found))
    pages = dict.fromkeys(source.node.metadata["page"] for source in found.source_nodes)
    stage.say("found in", ", ".join(pages))
