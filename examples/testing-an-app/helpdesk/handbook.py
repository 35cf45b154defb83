"""Answers questions from the shop's handbook: LlamaIndex, with a vector index."""

from __future__ import annotations

from llama_index.core import Document, VectorStoreIndex

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding

HANDBOOK = (
    "Books can be returned within 30 days.",
    "Parcels to islands take a week longer.",
    "Gift cards are valid for three years.",
)


def answer(question: str) -> str:
    """Answer from the two most similar rules of the handbook."""
    index = VectorStoreIndex.from_documents(
        [Document(text=rule, id_=f"rule-{number}") for number, rule in enumerate(HANDBOOK)],
        embed_model=PortkeyMistralEmbedding(model_name="mistral-embed"),
    )
    engine = index.as_query_engine(
        llm=PortkeyMistral(model="mistral-small-latest"), similarity_top_k=2
    )
    return str(engine.query(question))
