"""Retrieval and answer in LangChain, over the pages of the corpus."""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.material import CORPUS_QUESTION
from portkey_mistral.demo.stage import Arguments, Stage

PROMPT = ChatPromptTemplate.from_template(
    "Answer the question from the context alone, in one sentence.\n\n"
    "Context:\n{context}\n\nQuestion: {question}"
)


def answer(documents: list[Document], connection: Arguments) -> tuple[str, list[Document]]:
    embeddings = PortkeyMistralEmbeddings(**connection)
    store = InMemoryVectorStore.from_documents(documents, embeddings)
    found = store.similarity_search(CORPUS_QUESTION, k=4)
    context = "\n\n".join(document.page_content for document in found)

    chain = PROMPT | ChatPortkeyMistral(**connection) | StrOutputParser()
    return chain.invoke({"context": context, "question": CORPUS_QUESTION}), found


def play(stage: Stage) -> None:
    stage.code(answer)
    documents = [Document(p.text, metadata={"page": p.page}) for p in passages()]
    pages = {document.metadata["page"] for document in documents}
    stage.say("corpus", f"{len(pages)} pages about models, cut into {len(documents)} passages")
    stage.ask(CORPUS_QUESTION)
    with stage.console.status("embedding the corpus"):
        text, found = answer(documents, stage.connection)
    stage.answer(text)
    stage.say("found in", ", ".join(dict.fromkeys(d.metadata["page"] for d in found)))
