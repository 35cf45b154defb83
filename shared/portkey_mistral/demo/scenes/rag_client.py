"""Retrieval and answer with the client, over the pages of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

from portkey_mistral import ChatRequest, Client, EmbeddingRequest, Message
from portkey_mistral.demo.corpus import Passage, passages
from portkey_mistral.demo.material import CORPUS_QUESTION
from portkey_mistral.demo.stage import Arguments, Stage

PROMPT = (
    "Answer the question from the context alone, in one sentence.\n\n"
    "Context:\n{context}\n\nQuestion: {question}"
)


def answer(corpus: Sequence[Passage], connection: Arguments) -> tuple[str, list[Passage]]:
    client = Client(**connection)
    texts = [CORPUS_QUESTION, *(passage.text for passage in corpus)]
    embedded = client.embed(EmbeddingRequest(model="mistral-embed", inputs=texts))
    question, *vectors = embedded.vectors
    near = [sum(map(mul, question, vector)) for vector in vectors]
    best = sorted(range(len(corpus)), key=near.__getitem__, reverse=True)[:4]
    found = [corpus[index] for index in best]

    context = "\n\n".join(passage.text for passage in found)
    prompt = PROMPT.format(context=context, question=CORPUS_QUESTION)
    messages = [Message.user(prompt)]
    request = ChatRequest(model="mistral-small-latest", messages=messages)
    return client.chat(request).text, found


def play(stage: Stage) -> None:
    stage.code(answer)
    corpus = list(passages())
    pages = {passage.page for passage in corpus}
    stage.say("corpus", f"{len(pages)} pages about models, cut into {len(corpus)} passages")
    stage.ask(CORPUS_QUESTION)
    with stage.console.status("embedding the corpus"):
        text, found = answer(corpus, stage.connection)
    stage.answer(text)
    stage.say("found in", ", ".join(dict.fromkeys(passage.page for passage in found)))
