"""Parts of core that take an LLM or an embedding model and have no file of their own here."""

from __future__ import annotations

import base64

import pytest
from llama_index.core import (
    Document,
    Settings,
    SQLDatabase,
    SummaryIndex,
    TreeIndex,
    VectorStoreIndex,
)
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.chat_engine import (
    MultiModalCondensePlusContextChatEngine,
    MultiModalContextChatEngine,
)
from llama_index.core.composability import QASummaryQueryEngineBuilder
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    ContextRelevancyEvaluator,
    GuidelineEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.evaluation.multi_modal import (
    MultiModalFaithfulnessEvaluator,
    MultiModalRelevancyEvaluator,
)
from llama_index.core.extractors import DocumentContextExtractor
from llama_index.core.indices.list.retrievers import (
    ListIndexEmbeddingRetriever,
    ListIndexLLMRetriever,
)
from llama_index.core.indices.query.query_transform.base import (
    DecomposeQueryTransform,
    StepDecomposeQueryTransform,
)
from llama_index.core.indices.struct_store.sql_query import SQLTableRetrieverQueryEngine
from llama_index.core.indices.tree.select_leaf_embedding_retriever import (
    TreeSelectLeafEmbeddingRetriever,
)
from llama_index.core.memory import (
    ChatSummaryMemoryBuffer,
    FactExtractionMemoryBlock,
    Memory,
    VectorMemory,
    VectorMemoryBlock,
)
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.objects import ObjectIndex, SQLTableNodeMapping, SQLTableSchema
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
from llama_index.core.program import LLMTextCompletionProgram, MultiModalLLMCompletionProgram
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.query_engine import (
    FLAREInstructQueryEngine,
    MultiStepQueryEngine,
    RetrieverQueryEngine,
    RetryQueryEngine,
    RetrySourceQueryEngine,
    ToolRetrieverRouterQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.retrievers import (
    BaseRetriever,
    NLSQLRetriever,
    RouterRetriever,
    VectorIndexAutoRetriever,
)
from llama_index.core.schema import ImageNode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.selectors import EmbeddingSingleSelector
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import QueryEngineTool, RetrieverTool, ToolMetadata
from llama_index.core.vector_stores import MetadataInfo, SimpleVectorStore, VectorStoreInfo
from pydantic import BaseModel
from sqlalchemy import create_engine, text

BOTH = pytest.mark.parametrize("use_async", [False, True])
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def index(documents, embedding):
    return VectorStoreIndex.from_documents(documents, embed_model=embedding)


def sources(found) -> list[str]:
    return [each.node.ref_doc_id for each in found]


# --- prompts and programs --------------------------------------------------------------------------


PROMPTS = {
    "text": PromptTemplate("About {topic}."),
    "chat": ChatPromptTemplate([ChatMessage(role="user", content="About {topic}.")]),
}


@BOTH
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
async def test_a_prompt_is_predicted_whole_and_in_pieces(
    make_llm, mistral_sandbox, bodies, prompt, use_async
):
    llm = make_llm(system_prompt="Be brief.")
    mistral_sandbox.reply("It is {fine}.", times=2)
    if use_async:
        answer = await llm.apredict(prompt, topic="a {b}")
        pieces = [piece async for piece in await llm.astream(prompt, topic="a {b}")]
    else:
        answer = llm.predict(prompt, topic="a {b}")
        pieces = list(llm.stream(prompt, topic="a {b}"))
    assert answer == "".join(pieces) == "It is {fine}."
    expected = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "About a {b}."},
    ]
    assert [body["messages"] for body in bodies()] == [expected, expected]


class Word(BaseModel):
    word: str


@BOTH
async def test_a_program_of_text_reads_its_class(llm, mistral_sandbox, use_async):
    program = LLMTextCompletionProgram.from_defaults(
        output_cls=Word, prompt_template_str="A word for {x}.", llm=llm
    )
    mistral_sandbox.reply('{"word": "sesame"}')
    assert (await program.acall(x="a") if use_async else program(x="a")) == Word(word="sesame")


# --- pictures --------------------------------------------------------------------------------------


class Pictures(BaseRetriever):
    """Finds a text and a picture, whatever the query."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        nodes = (TextNode(text="The picture shows a dot."), ImageNode(image=PNG))
        return [NodeWithScore(node=node, score=1.0) for node in nodes]


def pictures(body) -> int:
    contents = (message["content"] for message in body["messages"])
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(part["type"] == "image_url" for part in parts)


@pytest.mark.full  # core does this since 0.14.23; older ones leave pictures out
@BOTH
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize", "simple_summarize"])
async def test_an_engine_shows_pictures_to_the_model(llm, bodies, mode, streaming, use_async):
    engine = RetrieverQueryEngine.from_args(
        Pictures(), llm=llm, multimodal=True, response_mode=mode, streaming=streaming
    )
    question = "What does the picture show?"
    response = await engine.aquery(question) if use_async else engine.query(question)
    if not streaming:
        answer = str(response)
    elif use_async:
        answer = "".join([piece async for piece in response.async_response_gen()])
    else:
        answer = "".join(response.response_gen)
    assert "dot" in answer
    assert max(map(pictures, bodies())) == 1


@BOTH
@pytest.mark.parametrize(
    "engine", [MultiModalContextChatEngine, MultiModalCondensePlusContextChatEngine]
)
async def test_a_chat_engine_shows_pictures_in_every_turn(llm, bodies, engine, use_async):
    chat = engine.from_defaults(Pictures(), multi_modal_llm=llm)
    if use_async:
        assert str(await chat.achat("What?"))
        response = await chat.astream_chat("And?")
        assert "".join([piece async for piece in response.async_response_gen()])
    else:
        assert str(chat.chat("What?"))
        assert "".join(chat.stream_chat("And?").response_gen)
    assert pictures(bodies()[0]) == pictures(bodies()[-1]) == 1


@BOTH
async def test_a_program_reads_pictures(llm, mistral_sandbox, bodies, use_async):
    program = MultiModalLLMCompletionProgram.from_defaults(
        output_parser=PydanticOutputParser(Word),
        image_documents=[ImageBlock(image=base64.b64decode(PNG))],
        prompt_template_str="A word for {x}.",
        multi_modal_llm=llm,
    )
    mistral_sandbox.reply('{"word": "dot"}')
    assert (await program.acall(x="it") if use_async else program(x="it")) == Word(word="dot")
    assert pictures(bodies()[0]) == 1


@BOTH
@pytest.mark.parametrize("judge", [MultiModalFaithfulnessEvaluator, MultiModalRelevancyEvaluator])
async def test_an_answer_about_a_picture_is_judged(
    llm, mistral_sandbox, bodies, tmp_path, judge, use_async
):
    (picture := tmp_path / "dot.png").write_bytes(base64.b64decode(PNG))
    mistral_sandbox.reply("YES")
    answer = {"query": "What?", "response": "A dot.", "contexts": ["A dot."]}
    evaluator = judge(multi_modal_llm=llm)
    evaluate = evaluator.aevaluate if use_async else evaluator.evaluate
    result = evaluate(**answer, image_paths=[str(picture)])
    assert (await result if use_async else result).passing
    assert pictures(bodies()[0]) == 1


# --- memories --------------------------------------------------------------------------------------

TALK = [
    ChatMessage(role="user", content="I am called Ada, and I like code."),
    ChatMessage(role="assistant", content="Good to know."),
]


async def test_facts_are_kept_out_of_a_talk(llm, mistral_sandbox):
    block = FactExtractionMemoryBlock(llm=llm, max_facts=1)
    mistral_sandbox.reply("<facts><fact>Is Ada</fact><fact>Likes code</fact></facts>")
    mistral_sandbox.reply("<facts><fact>Ada likes code</fact></facts>")
    await block.aput(TALK)
    assert block.facts == ["Ada likes code"]


async def test_a_memory_of_blocks_finds_old_messages(llm, embedding, mistral_sandbox):
    class Store(SimpleVectorStore):
        """Core's own keeps no texts; this one may."""

        stores_text: bool = True

        def query(self, query, **kwargs):
            found = super().query(query, **kwargs)
            found.nodes = [self.kept[id_] for id_ in found.ids]
            return found

        async def async_add(self, nodes, **kwargs):
            self.kept.update({node.node_id: node for node in nodes})
            return self.add(nodes, **kwargs)

        kept: dict = {}  # noqa: RUF012 - a pydantic field: each store has its own

    mistral_sandbox.reply("<facts><fact>Is Ada</fact></facts>", times=None)
    memory = Memory.from_defaults(
        session_id="s",
        token_limit=60,
        chat_history_token_ratio=0.5,
        token_flush_size=20,
        memory_blocks=[
            VectorMemoryBlock(vector_store=Store(), embed_model=embedding, similarity_top_k=1),
            FactExtractionMemoryBlock(llm=llm),
        ],
    )
    for _ in range(3):
        await memory.aput_messages(TALK)
    await memory.aput(ChatMessage(role="user", content="What am I called?"))
    text = str([message.content for message in await memory.aget()])
    assert "<fact>Is Ada</fact>" in text
    assert "called Ada" in text


def test_a_long_talk_is_summarised(llm, mistral_sandbox, bodies):
    memory = ChatSummaryMemoryBuffer.from_defaults(
        chat_history=[*TALK, ChatMessage(role="user", content="And now?")],
        llm=llm,
        token_limit=8,
    )
    mistral_sandbox.reply("Ada likes code.")
    assert [message.content for message in memory.get()] == ["Ada likes code.", "And now?"]
    assert "I am called Ada" in bodies()[0]["messages"][-1]["content"]


def test_a_memory_of_vectors_finds_a_talk(embedding):
    memory = VectorMemory.from_defaults(
        embed_model=embedding, retriever_kwargs={"similarity_top_k": 1}
    )
    for message in (*TALK, ChatMessage(role="user", content="Bananas are yellow.")):
        memory.put(message)
    assert memory.get("Who likes code?")[0] == TALK[0]


# --- retrievers ------------------------------------------------------------------------------------


@BOTH
async def test_filters_are_written_by_the_model(llm, embedding, mistral_sandbox, use_async):
    nodes = [
        TextNode(text=f"A {name}.", metadata={"kind": kind})
        for name, kind in (("cat", "animal"), ("car", "thing"))
    ]
    info = VectorStoreInfo(
        content_info="words",
        metadata_info=[MetadataInfo(name="kind", type="str", description="animal or thing")],
    )
    retriever = VectorIndexAutoRetriever(
        VectorStoreIndex(nodes, embed_model=embedding), vector_store_info=info, llm=llm
    )
    mistral_sandbox.reply(
        '```json\n{"query": "word", "top_k": 2, '
        '"filters": [{"key": "kind", "value": "animal", "operator": "=="}]}\n```'
    )
    found = await retriever.aretrieve("animals") if use_async else retriever.retrieve("animals")
    assert [each.node.text for each in found] == ["A cat."]


def test_a_list_is_searched_by_the_model_and_by_vectors(llm, embedding, documents, question):
    index = SummaryIndex.from_documents(documents)
    by_vectors = ListIndexEmbeddingRetriever(index, embed_model=embedding, similarity_top_k=1)
    assert sources(by_vectors.retrieve(question)) == ["codestral"]
    assert sources(ListIndexLLMRetriever(index, llm=llm).retrieve(question))[0] == "codestral"


def test_a_tree_is_walked_by_vectors_and_grows(llm, embedding, documents, chats):
    index = TreeIndex.from_documents(documents * 2, llm=llm, num_children=2)
    before = len(chats())
    index.insert(Document(text="Voxtral hears and speaks."))
    assert len(chats()) > before
    retriever = TreeSelectLeafEmbeddingRetriever(index, llm=llm, embed_model=embedding)
    (found,) = retriever.retrieve("Which model reads images and charts?")
    assert "Pixtral" in found.node.get_content()


@BOTH
async def test_a_retriever_is_chosen(llm, embedding, documents, question, use_async):
    tools = [
        RetrieverTool.from_defaults(
            VectorStoreIndex.from_documents([each], embed_model=embedding).as_retriever(),
            name=each.doc_id,
            description=each.text,
        )
        for each in documents
    ]
    router = RouterRetriever.from_defaults(tools, llm=llm)
    found = await router.aretrieve(question) if use_async else router.retrieve(question)
    assert sources(found) == ["codestral"]


def test_a_choice_is_made_by_vectors(embedding, documents, question):
    choices = [ToolMetadata(name=each.doc_id, description=each.text) for each in documents]
    assert EmbeddingSingleSelector.from_defaults(embed_model=embedding).select(
        choices, question
    ).inds == [0]


def test_only_the_sentences_that_matter_stay(embedding, question):
    node = TextNode(text="Codestral completes code. Bananas are yellow. The sky is blue.")
    optimizer = SentenceEmbeddingOptimizer(
        embed_model=embedding, percentile_cutoff=0.34, context_before=0, context_after=0
    )
    (found,) = optimizer.postprocess_nodes([NodeWithScore(node=node)], QueryBundle(question))
    assert found.node.get_content() == "Codestral completes code."


async def test_a_chunk_gets_the_context_of_its_document(llm, documents, bodies):
    store = SimpleDocumentStore()
    store.add_documents(documents)
    chunks = SentenceSplitter(chunk_size=20, chunk_overlap=0).get_nodes_from_documents(documents)
    extractor = DocumentContextExtractor(docstore=store, llm=llm, max_output_tokens=99)
    found = await extractor.aextract(chunks)
    assert len(found) == len(chunks)
    assert all(each["context"] for each in found)
    assert {body["max_tokens"] for body in bodies()} == {99}


# --- engines ---------------------------------------------------------------------------------------


@BOTH
async def test_a_question_is_taken_in_steps(
    llm, index, chats, mistral_sandbox, question, use_async
):
    engine = MultiStepQueryEngine(
        index.as_query_engine(llm=llm),
        StepDecomposeQueryTransform(llm=llm, verbose=False),
        index_summary="models",
        response_synthesizer=get_response_synthesizer(llm=llm),
        num_steps=2,
    )
    for reply in ("What completes code?", "Codestral.", "None", "It is Codestral."):
        mistral_sandbox.reply(reply)
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert str(response) == "It is Codestral."
    assert len(chats()) == 4


def test_a_question_is_made_simpler(llm, index, mistral_sandbox, bodies, question):
    engine = TransformQueryEngine(
        index.as_query_engine(llm=llm, similarity_top_k=1),
        DecomposeQueryTransform(llm=llm),
        transform_metadata={"index_summary": "models"},
    )
    mistral_sandbox.reply("What reads charts?")
    assert sources(engine.query(question).source_nodes) == ["pixtral"]
    assert ["What reads charts?"] in [body["input"] for body in bodies() if "input" in body]


def test_an_answer_looks_things_up_as_it_is_written(llm, index, mistral_sandbox, question):
    engine = FLAREInstructQueryEngine(index.as_query_engine(llm=llm), llm=llm, max_iterations=2)
    mistral_sandbox.reply("It is [Search(Which model completes code?)].")
    mistral_sandbox.reply("Codestral completes code.")
    mistral_sandbox.reply("It is Codestral. done")
    assert "Codestral" in str(engine.query(question))


@pytest.mark.parametrize("kind", [RetryQueryEngine, RetrySourceQueryEngine])
def test_an_answer_that_fails_is_tried_again(
    llm, embedding, index, mistral_sandbox, monkeypatch, question, kind
):
    # Core asks for the global ones here, whatever is passed.
    monkeypatch.setattr(Settings, "_llm", llm)
    monkeypatch.setattr(Settings, "_embed_model", embedding)
    mistral_sandbox.reply("A purple giraffe.")
    mistral_sandbox.reply("NO")
    extra = {"llm": llm} if kind is RetrySourceQueryEngine else {}
    engine = kind(
        index.as_query_engine(llm=llm), RelevancyEvaluator(llm=llm), max_retries=1, **extra
    )
    assert "giraffe" not in str(engine.query(question))


def test_an_engine_may_answer_and_summarise(llm, embedding, documents, question):
    builder = QASummaryQueryEngineBuilder(llm=llm, embed_model=embedding)
    assert str(builder.build_from_documents(documents).query(question))


def test_engines_are_found_like_documents(llm, embedding, documents, question):
    tools = [
        QueryEngineTool.from_defaults(
            SummaryIndex.from_documents([each]).as_query_engine(llm=llm),
            name=each.doc_id,
            description=each.text,
        )
        for each in documents
    ]
    objects = ObjectIndex.from_objects(tools, index_cls=VectorStoreIndex, embed_model=embedding)
    engine = ToolRetrieverRouterQueryEngine(objects.as_retriever(similarity_top_k=1), llm=llm)
    assert sources(engine.query(question).source_nodes) == ["codestral"]


@BOTH
async def test_rows_and_tables_are_found(llm, embedding, monkeypatch, use_async):
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("create table cities (name text, people integer)"))
        connection.execute(text("insert into cities values ('Lyon', 522), ('Paris', 2103)"))
    database = SQLDatabase(engine)
    question = "How many cities are there?"
    rows = NLSQLRetriever(database, tables=["cities"], llm=llm, embed_model=embedding)
    found = await rows.aretrieve(question) if use_async else rows.retrieve(question)
    assert found[0].node.metadata["result"] == [(2,)]

    # Core asks for the global one here, whatever is passed.
    monkeypatch.setattr(Settings, "_embed_model", embedding)
    tables = ObjectIndex.from_objects(
        [SQLTableSchema(table_name="cities")],
        SQLTableNodeMapping(database),
        VectorStoreIndex,
        embed_model=embedding,
    )
    asking = SQLTableRetrieverQueryEngine(database, tables.as_retriever(), llm=llm)
    response = await asking.aquery(question) if use_async else asking.query(question)
    assert response.metadata["result"] == [(2,)]


# --- judges ----------------------------------------------------------------------------------------


async def test_guidelines_are_kept_to(llm, mistral_sandbox, question):
    mistral_sandbox.reply('{"passing": false, "feedback": "Too short."}')
    judge = GuidelineEvaluator(llm=llm, guidelines="Be exact.")
    result = await judge.aevaluate(query=question, response="It.", contexts=["Codestral."])
    assert (result.passing, result.feedback) == (False, "Too short.")


async def test_relevance_is_scored(llm, mistral_sandbox, question):
    mistral_sandbox.reply("It fits.\n[RESULT] 2")
    answer = await AnswerRelevancyEvaluator(llm=llm).aevaluate(query=question, response="Codestral")
    mistral_sandbox.reply("It fits.\n[RESULT] 4")
    judge = ContextRelevancyEvaluator(llm=llm)
    context = await judge.aevaluate(query=question, contexts=["Codestral completes code."])
    assert (answer.score, context.score) == (1.0, 1.0)
