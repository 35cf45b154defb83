"""Defects observed in other integrations, each with a test that this package does not have it.

m: llama-index-llms-mistralai 0.11.0; p: llama-index-llms-portkey 0.6.0 and portkey-ai 1.15.1;
e: llama-index-embeddings-mistralai 0.6.0; o: llama-index-llms-openai 0.7.10. Seen in November 2026.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import pickle
from collections import Counter

import httpx
import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    VideoBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import models
from portkey_mistral.exceptions import (
    APIError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    CapabilityError,
    ConfigurationError,
    InvalidRequestError,
    RateLimitError,
    StreamInterruptedError,
)
from portkey_mistral.requests import EmbeddingRequest
from portkey_mistral.sandbox import Call, Fault
from scripted import MODEL, answer, call, network, sse, stream

ADD = Call("add", '{"a": 1, "b": 2}')
USER = ChatMessage(role="user", content="Hi")
PROMPT = PromptTemplate("About {topic}.")
STREAMS = ("stream_chat", "astream_chat")
BOTH = ("chat", "achat")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOL = FunctionTool.from_defaults(add)


class Pair(BaseModel):
    first: str
    second: str


PAIR = Pair(first="a", second="b")


@pytest.fixture
def over():
    """A model over a scripted network, for what no server of Mistral's would send."""
    unwrap_secrets: list[httpx.Client | httpx.AsyncClient] = []

    def make(*replies, **fields):
        script = network(*replies)
        llm = PortkeyMistral(**{"api_key": "k", **script.clients, **fields})
        unwrap_secrets.extend(script.clients.values())
        return llm

    return make


# --- llama-index-llms-mistralai ------------------------------------------------------------------


async def test_m01_a_streamed_answer_is_not_a_pile_of_its_prefixes(llm, mistral_sandbox, bodies):
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    agent = FunctionAgent(tools=[add], llm=llm)
    for text in ("3 and 12", "Yes."):
        mistral_sandbox.reply(text)
    assert str(await agent.run("Which?", memory=memory)) == "3 and 12"
    await agent.run("Sure?", memory=memory)
    assert memory.get_all()[1].blocks == [TextBlock(text="3 and 12")]
    assert bodies()[1]["messages"][1]["content"] == "3 and 12"


@pytest.mark.parametrize("method", ["structured_predict", "astructured_predict"])
async def test_m02_a_forced_tool_is_forced(make_llm, mistral_sandbox, bodies, ask, method):
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    mistral_sandbox.reply("", calls=[Call("Pair", PAIR.model_dump_json())])
    await ask(llm, method, Pair, prompt=PROMPT, topic="x")
    assert bodies()[0]["tool_choice"]["function"]["name"] == "Pair"


async def test_m02_a_program_of_cores_forces_its_tool_too(llm, mistral_sandbox, bodies):
    mistral_sandbox.reply("", calls=[Call("Pair", PAIR.model_dump_json())], times=2)
    program = FunctionCallingProgram.from_defaults(Pair, prompt_template_str="{x}", llm=llm)
    assert program(x="1") == await program.acall(x="1") == PAIR
    assert [body["tool_choice"] for body in bodies()] == ["any", "any"]


@pytest.mark.parametrize("mode", [PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION])
async def test_m03_a_streamed_object_grows(make_llm, mistral_sandbox, ask, mode):
    llm = make_llm(pydantic_program_mode=mode)
    mistral_sandbox.inject(Fault(split_calls=True))
    if mode is PydanticProgramMode.FUNCTION:
        mistral_sandbox.reply("", calls=[Call("Pair", PAIR.model_dump_json())])
    else:
        mistral_sandbox.reply(PAIR.model_dump_json(indent=1))
    items = await ask(llm, "stream_structured_predict", Pair, prompt=PROMPT, topic="x")
    assert ("a", None) in [(item.first, item.second) for item in items]
    assert items[-1] == PAIR


@pytest.mark.parametrize("method", [*BOTH, *STREAMS])
async def test_m04_a_busy_server_is_retried(llm, mistral_sandbox, ask, method):
    mistral_sandbox.fail(429, retry_after=0)
    await ask(llm, method, "Hi")
    assert [each.status for each in mistral_sandbox.requests] == [429, 200]


@pytest.mark.parametrize("model", ["mistral-of-tomorrow", "mistral-small-2603", "alias"])
async def test_m05_an_unknown_model_is_called(over, model):
    llm = over(answer("Hi"), model=model)
    assert llm.metadata.model_name == model
    assert llm.complete("Hi").text == "Hi"


@pytest.mark.parametrize(
    "model", ["mistral-medium-latest", "mistral-large-2512", "mistral-small-2603"]
)
async def test_m06_every_model_with_tools_serves_a_function_agent(make_llm, mistral_sandbox, model):
    mistral_sandbox.reply("Hi")
    agent = FunctionAgent(tools=[add], llm=make_llm(model=model))
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    assert str(await agent.run("Hi", memory=memory)) == "Hi"


THOUGHT = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
    {"type": "text", "text": "42"},
]


@pytest.mark.filterwarnings("ignore:magistral-medium-2509:UserWarning")
@pytest.mark.parametrize("method", BOTH)
async def test_m07_any_model_may_answer_in_a_list(over, ask, method):
    (response,) = await ask(over(answer(THOUGHT), model="magistral-medium-2509"), method, "Hi")
    assert response.message.blocks == [ThinkingBlock(content="Hm."), TextBlock(text="42")]


@pytest.mark.parametrize("method", BOTH)
async def test_m08_content_may_be_null(over, ask, method):
    calls = {"id": "abcdefghi", "function": {"name": "add", "arguments": ADD.arguments}}
    (response,) = await ask(over(answer(None, calls, finish="tool_calls")), method, "Hi")
    assert response.message.additional_kwargs["tool_calls"][0]["function"]["name"] == "add"


@pytest.mark.parametrize("method", STREAMS)
async def test_m09_an_event_may_have_no_choices(over, ask, method):
    items = await ask(over(stream({"content": "Hi"}, usage="alone")), method, "Hi")
    assert items[-1].message.content == "Hi"
    assert items[-1].raw["usage"]["total_tokens"] == 15


PIECES = (
    {"tool_calls": [call(0, '{"a": 1', "abcdefghi", "add")]},
    {"tool_calls": [call(1, '{"a": 3, ', "jklmnopqr", "add")]},
    {"tool_calls": [call(0, ', "b": 2}'), call(1, '"b": 4}')]},
)


@pytest.mark.parametrize("method", STREAMS)
async def test_m10_pieces_of_calls_are_joined_by_index(over, ask, method):
    llm = over(stream(*PIECES, finish="tool_calls"))
    items = await ask(llm, method, "Hi")
    calls = llm.get_tool_calls_from_response(items[-1])
    assert [each.tool_kwargs for each in calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    for item in items:
        llm.get_tool_calls_from_response(item, error_on_no_tool_call=False)


async def test_m11_malformed_arguments_do_not_end_the_run(llm, mistral_sandbox, caplog):
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b"')])
    mistral_sandbox.reply("Sorry.")
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    assert str(await FunctionAgent(tools=[add], llm=llm).run("Hi", memory=memory)) == "Sorry."
    assert "not a JSON object" in caplog.text


@pytest.mark.parametrize("method", STREAMS)
async def test_m12_thoughts_are_not_answers(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply("42 it is.", thinking="Six times seven.")
    items = await ask(llm, method, "Hi")
    assert "".join(item.delta for item in items) == "42 it is."
    thoughts = [item.additional_kwargs.get("thinking_delta", "") for item in items]
    assert "".join(thoughts) == "Six times seven."
    assert items[-1].message.blocks[0] == ThinkingBlock(content="Six times seven.")
    assert all(isinstance(item.raw, dict) for item in items)


@pytest.mark.parametrize("method", [*STREAMS, "stream_complete", "astream_complete"])
async def test_m13_a_streams_tokens_are_counted(make_llm, mistral_sandbox, ask, method):
    counter = TokenCountingHandler(tokenizer=lambda text: ["estimated"] * 1000)
    llm = make_llm(callback_manager=CallbackManager([counter]))
    items = await ask(llm, method, "Hi")
    assert counter.total_llm_token_count == items[-1].raw["usage"]["total_tokens"] < 1000


class Permits(BaseRateLimiter):
    given = 0

    def acquire(self, num_tokens: int = 0) -> None:
        self.given += 1

    async def async_acquire(self, num_tokens: int = 0) -> None:
        self.given += 1


@pytest.mark.parametrize("method", ["complete", "acomplete"])
async def test_m14_a_completion_counts_once(make_llm, ask, method):
    counter, permits = TokenCountingHandler(tokenizer=str.split), Permits()
    llm = make_llm(callback_manager=CallbackManager([counter]), rate_limiter=permits)
    await ask(llm, method, "Hi")
    assert (len(counter.llm_token_counts), permits.given) == (1, 1)


@pytest.mark.parametrize("method", ["achat_with_tools", "astream_chat_with_tools"])
async def test_m15_a_single_tool_call_is_requested_and_enforced(
    llm, mistral_sandbox, ask, bodies, method
):
    mistral_sandbox.reply("", calls=[ADD, ADD])
    items = await ask(llm, method, [TOOL], user_msg="Hi", allow_parallel_tool_calls=False)
    assert bodies()[0]["parallel_tool_calls"] is False
    assert len(llm.get_tool_calls_from_response(items[-1])) == 1


async def test_m16_the_callers_history_is_left_alone(llm):
    history = [USER]
    await llm.achat_with_tools([TOOL], user_msg="And?", chat_history=history)
    llm.chat_with_tools([TOOL], user_msg="And?", chat_history=history)
    assert history == [USER]


async def test_m17_blocks_of_all_kinds_and_a_developer_are_taken(llm, mistral_sandbox, bodies):
    png = b"\x89PNG\r\n\x1a\n"
    llm.chat(
        [
            ChatMessage(role="developer", content="Be brief."),
            ChatMessage(
                role="user",
                blocks=[
                    ImageBlock(image=png, image_mimetype="image/png", detail="low"),
                    CitableBlock(title="T", source="s", content=[TextBlock(text="A fact.")]),
                    CitationBlock(
                        cited_content=TextBlock(text="Cited."),
                        source="s",
                        title="T",
                        additional_location_info={},
                    ),
                    DocumentBlock(data=b"%PDF-1.4", document_mimetype="application/pdf"),
                    CachePoint(cache_control=CacheControl(type="ephemeral")),
                    TextBlock(text="Well?"),
                ],
            ),
        ]
    )
    system, user = bodies()[0]["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"][0]["image_url"]["detail"] == "low"
    assert "A fact." in json.dumps(user["content"])
    assert "Cited." in json.dumps(user["content"])
    assert "document_url" in [part["type"] for part in user["content"]]
    llm.chat(
        [ChatMessage(role="user", blocks=[AudioBlock(audio=b"RIFF", format="wav")])],
        model="voxtral-small-latest",
    )
    assert bodies()[1]["messages"][0]["content"][0]["type"] == "input_audio"
    with pytest.raises(InvalidRequestError, match="do not accept video"):
        llm.chat([ChatMessage(role="user", blocks=[VideoBlock(video=b"x")])])


@pytest.mark.parametrize("method", ["fill_in_middle", "astream_fill_in_middle"])
async def test_m18_fill_in_the_middle_models_come_from_the_catalog(make_llm, ask, bodies, method):
    llm = make_llm(model="codestral-2508")
    await ask(llm, method, "def f(", max_tokens=20, temperature=0.1, trace_id="t")
    assert (bodies()[0]["max_tokens"], bodies()[0]["temperature"]) == (20, 0.1)
    with pytest.raises(CapabilityError):
        await ask(make_llm(model="mistral-large-latest"), method, "def f(")


def test_m19_a_pickled_copy_works_and_a_dump_is_rebuilt_with_a_key(llm):
    assert pickle.loads(pickle.dumps(llm)).complete("Hi").text
    assert PortkeyMistral.from_dict(llm.to_dict(), api_key="k").complete("Hi").text


async def test_m20_sync_and_async_give_the_same_answer(llm, mistral_sandbox, ask):
    messages = []
    for method in (*BOTH, *STREAMS):
        mistral_sandbox.reply("Hi", calls=[ADD], thinking="Hm.")
        message = (await ask(llm, method, "Hi"))[-1].message.model_copy(deep=True)
        message.additional_kwargs["tool_calls"][0]["id"] = "x"
        message.blocks[-1].tool_call_id = "x"
        messages.append(message)
        json.dumps(message.additional_kwargs)
    assert messages.count(messages[0]) == 4


async def test_m21_the_callers_headers_and_clients_are_used_and_not_dumped(make_llm, bodies, ask):
    seen: list[str] = []

    def note(request: httpx.Request) -> None:
        seen.append(request.headers["x-team"])

    with httpx.Client(event_hooks={"request": [note]}) as client:
        llm = make_llm(default_headers={"x-team": "a-secret-team"}, http_client=client)
        llm.complete("Hi")
        assert seen == ["a-secret-team"]
        assert not client.is_closed
    assert "http_headers" not in llm.to_dict()["additional_kwargs"]


@pytest.mark.parametrize("method", [*BOTH, *STREAMS])
async def test_m22_the_finish_reason_is_reported_and_no_default_is_sent(
    llm, mistral_sandbox, ask, bodies, method
):
    mistral_sandbox.reply("Hi", finish_reason="length")
    items = await ask(llm, method, "Hi", temperature=1.4)
    assert items[-1].additional_kwargs["finish_reason"] == "length"
    assert bodies()[0]["temperature"] == 1.4
    assert not {"max_tokens", "random_seed"} & bodies()[0].keys()


async def test_m23_mistrals_fields_are_fields(make_llm, bodies):
    fields = {
        "safe_prompt": True,
        "prediction": {"type": "content", "content": "Hi"},
        "reasoning_effort": "high",
        "stop": ["END"],
        "frequency_penalty": 0.1,
    }
    make_llm(**fields).complete("Hi")
    assert {name: bodies()[0][name] for name in fields} == fields


@pytest.mark.parametrize("method", STREAMS)
async def test_m24_an_error_within_a_stream_keeps_its_message(over, ask, method):
    event = {"object": "error", "message": "Service tier capacity exceeded", "code": "3505"}
    llm = over(sse([event], done=False), max_retries=0)
    with pytest.raises(APIError, match="capacity exceeded"):
        await ask(llm, method, "Hi")


def test_m25_a_large_model_is_not_a_medium_one():
    large, medium = (models.find(f"mistral-{size}-latest") for size in ("large", "medium"))
    assert large.id != medium.id
    assert "large" in large.id


def test_m26_one_object_serves_one_loop_after_the_other(llm, embedding):
    for _ in range(3):
        assert asyncio.run(llm.acomplete("Hi")).text
        assert asyncio.run(embedding.aget_text_embedding("Hi"))


# --- llama-index-llms-portkey and portkey-ai -------------------------------------------------------


def test_p1_no_unrelated_package_is_required_and_it_can_be_constructed():
    needed = " ".join(importlib.metadata.requires("portkey-mistral") or ())
    assert "portkey-ai" not in needed
    assert " portkey" not in needed.replace("portkey-mistral", "")
    assert isinstance(PortkeyMistral(base_url="sandbox:"), FunctionCallingLLM)


def test_p2_two_objects_keep_their_own_keys(make_llm, mistral_sandbox):
    one, other = make_llm(api_key="one"), make_llm(api_key="other")
    for llm in (one, other, one):
        llm.complete("Hi")
    keys = [each.headers["authorization"] for each in mistral_sandbox.requests]
    assert keys == ["Bearer one", "Bearer other", "Bearer one"]


async def test_p3_a_slow_call_does_not_block_the_loop(llm, mistral_sandbox):
    mistral_sandbox.inject(Fault(delay=0.3), times=2)
    await asyncio.gather(llm.acomplete("a"), llm.acomplete("b"))
    assert mistral_sandbox.peak_in_flight == 2


async def test_p4_arguments_are_sent_and_misspelt_ones_are_errors(llm, ask, bodies):
    for method in (*BOTH, *STREAMS):
        await ask(llm, method, "Hi", temperature=0.3)
    assert {body["temperature"] for body in bodies()} == {0.3}
    with pytest.raises(InvalidRequestError, match="did you mean 'temperature'"):
        llm.complete("Hi", temprature=0.3)


def test_p5_portkeys_options_are_fields_and_sent_as_headers(mistral_sandbox, mistral_sandbox_url):
    llm = PortkeyMistral(
        gateway_url=mistral_sandbox_url,
        portkey_api_key="pk",
        portkey_config={"provider": "mistral-ai", "api_key": "k"},
        trace_id="t",
        portkey_metadata={"_user": "u"},
        cache_force_refresh=True,
    )
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    mistral_sandbox.fail(200, body={"id": "x", "model": "m", "choices": [choice]})
    assert llm.complete("Hi").text == "Hi"
    sent = mistral_sandbox.requests[0].headers
    assert (sent["x-portkey-api-key"], sent["x-portkey-trace-id"]) == ("pk", "t")
    assert json.loads(sent["x-portkey-metadata"]) == {"_user": "u"}
    assert {"x-portkey-config", "x-portkey-cache-force-refresh"} <= sent.keys()


@pytest.mark.parametrize("method", ["chat", "astream_chat"])
async def test_p6_the_gateways_headers_are_in_the_call_info(over, mistral_sandbox_url, ask, method):
    reply = answer("Hi") if method == "chat" else stream({"content": "Hi"})
    headers = {"trace-id": "t", "cache-status": "HIT", "provider": "mistral-ai"}
    reply.headers.update({f"x-portkey-{name}": value for name, value in headers.items()})
    llm = over(reply, gateway_url="http://localhost:8787/v1")
    call_info = (await ask(llm, method, "Hi"))[-1].additional_kwargs["call_info"]
    assert (call_info["trace_id"], call_info["cache_status"], call_info["provider"]) == tuple(
        headers.values()
    )


def test_p7_a_slug_before_the_model_is_no_unknown_model(over):
    llm = over(answer("Hi"), gateway_url="http://localhost:8787/v1", model="@team/mistral-large")
    assert llm.metadata.is_function_calling_model
    assert llm.complete("Hi").text == "Hi"


# --- llama-index-embeddings-mistralai --------------------------------------------------------------


async def test_e1_every_async_method_works(embedding):
    one = await embedding.aget_text_embedding("Hi")
    assert one == await embedding.aget_query_embedding("Hi") == embedding.get_text_embedding("Hi")
    assert await embedding.aget_text_embedding_batch(["Hi", "Ho"])


def test_e2_an_endpoint_is_used_and_unknown_arguments_are_refused(
    mistral_sandbox, mistral_sandbox_url
):
    PortkeyMistralEmbedding(endpoint=mistral_sandbox_url, api_key="k").get_text_embedding("Hi")
    assert len(mistral_sandbox.requests) == 1
    with pytest.raises(ConfigurationError, match="endpont"):
        PortkeyMistralEmbedding(endpont=mistral_sandbox_url, api_key="k")


async def test_e3_order_and_number_are_checked(embedding, mistral_sandbox, ask):
    texts = ["a cat", "a dog", "a bird"]
    alone = [embedding.get_text_embedding(text) for text in texts]
    for method in ("get_text_embedding_batch", "aget_text_embedding_batch"):
        mistral_sandbox.inject(Fault(vectors="shuffled"))
        assert (await ask(embedding, method, texts))[0] == alone
        mistral_sandbox.inject(Fault(vectors="short"), times=3)
        with pytest.raises(APIError):
            await ask(embedding, method, texts)
        mistral_sandbox.reset()


def test_e4_batches_are_cut_by_tokens(embedding, mistral_sandbox, bodies):
    embedding.get_text_embedding_batch(["word " * 4000] * 12)
    assert len(bodies()) > 1
    assert {each.status for each in mistral_sandbox.requests} == {200}


async def test_e5_a_busy_moment_loses_nothing(embedding, mistral_sandbox, bodies, ask):
    texts = [f"{n} " + "word " * 400 for n in range(100)]
    for method in ("get_text_embedding_batch", "aget_text_embedding_batch"):
        mistral_sandbox.reset()
        mistral_sandbox.inject(Fault(status=429, retry_after=0.01, when="60 word"))
        (vectors,) = await ask(embedding, method, texts)
        assert len(vectors) == 100
        answered = [each.body for each in mistral_sandbox.requests if each.status == 200]
        assert set(Counter(text for body in answered for text in body["input"]).values()) == {1}


async def test_e6_async_work_is_bounded_by_default(make_embedding, mistral_sandbox):
    mistral_sandbox.inject(Fault(delay=0.02), times=None)
    await make_embedding(embed_batch_size=1).aget_text_embedding_batch(list("abcdefghijkl") * 3)
    assert mistral_sandbox.peak_in_flight <= 4


def test_e7_a_pickled_copy_works(embedding):
    assert pickle.loads(pickle.dumps(embedding)).get_text_embedding("Hi")


@pytest.mark.parametrize("method", ["get_text_embedding_batch", "aget_text_embedding_batch"])
async def test_e8_an_empty_text_that_is_refused_is_found_and_the_rest_is_kept(
    embedding, mistral_sandbox, ask, method
):
    mistral_sandbox.inject(Fault(status=400, when='""'), times=None)
    with pytest.raises(BadRequestError, match="400") as error:
        await ask(embedding, method, ["a cat", "a dog", "a bird", ""])
    assert error.value.index == 3
    assert error.value.completed.keys() == {0, 1, 2}


async def test_e9_dimension_dtype_spelling_headers_and_time_are_the_callers(
    make_embedding, mistral_sandbox, bodies
):
    embedding = make_embedding(
        model="codestral-embed",
        output_dimension=64,
        output_dtype="int8",
        encoding_format="base64",
        default_headers={"x-team": "a"},
        timeout=0.2,
        max_retries=0,
    )
    assert len(await embedding.aget_text_embedding("Hi")) == 64
    assert bodies()[0]["encoding_format"] == "base64"
    assert (bodies()[0]["output_dimension"], bodies()[0]["output_dtype"]) == (64, "int8")
    assert mistral_sandbox.requests[0].headers["x-team"] == "a"
    mistral_sandbox.inject(Fault(delay=5))
    with pytest.raises(APITimeoutError):
        await embedding.aget_text_embedding("Hi")


async def test_e10_two_models_share_a_store_and_no_vector(make_embedding):
    store = SimpleKVStore()
    one = make_embedding(embeddings_cache=store)
    other = make_embedding(embeddings_cache=store, model="codestral-embed")
    assert len(one.get_text_embedding("Hi")) != len(await other.aget_text_embedding("Hi"))


def test_e11_billed_tokens_are_reported(embedding):
    request = EmbeddingRequest(model="mistral-embed", inputs=["a cat", "a dog"])
    assert embedding.client.embed(request).usage.total_tokens > 0


# --- llama-index-llms-openai -----------------------------------------------------------------------


def test_o1_no_key_in_any_dump_or_text(caplog):
    secret = "sk-nobody-may-see"
    fields = {"api_key": secret, "default_headers": {"authorization": f"Bearer {secret}"}}
    for cls in (PortkeyMistral, PortkeyMistralEmbedding):
        made = cls(**fields)
        with caplog.at_level(logging.DEBUG):
            texts = [made.to_json(), repr(made), str(made), str(made.to_payload())]
        assert secret not in "".join((*texts, caplog.text))


async def test_o2_retries_are_not_multiplied(make_llm, mistral_sandbox, ask):
    mistral_sandbox.fail(429, retry_after=0, times=None)
    for method in (*BOTH, *STREAMS):
        before = len(mistral_sandbox.requests)
        with pytest.raises(RateLimitError):
            await ask(make_llm(max_retries=2), method, "Hi")
        assert len(mistral_sandbox.requests) - before == 3


@pytest.mark.parametrize("method", STREAMS)
async def test_o3_a_stream_is_tried_again_before_its_first_word_only(
    make_llm, mistral_sandbox, ask, method
):
    mistral_sandbox.reply("one two three", times=None)
    mistral_sandbox.fail(503, retry_after=0)
    items = await ask(make_llm(), method, "Hi")
    assert items[-1].message.content == "one two three"
    mistral_sandbox.inject(Fault(error_after=2))
    before = len(mistral_sandbox.requests)
    with pytest.raises(StreamInterruptedError):
        await ask(make_llm(), method, "Hi")
    assert len(mistral_sandbox.requests) == before + 1


async def test_o4_a_streamed_function_is_forced(make_llm, mistral_sandbox, ask, bodies):
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    mistral_sandbox.reply("", calls=[Call("Pair", PAIR.model_dump_json())], times=None)
    for method in ("stream_structured_predict", "astream_structured_predict"):
        await ask(llm, method, Pair, prompt=PROMPT, topic="x")
    assert {body["tool_choice"]["function"]["name"] for body in bodies()} == {"Pair"}


async def test_o5_missing_llm_kwargs_are_none_needed(llm, mistral_sandbox):
    mistral_sandbox.reply(PAIR.model_dump_json(), times=None)
    (*_, whole) = llm._structured_stream_call(Pair, PROMPT, None, topic="x")
    *_, again = [item async for item in await llm._structured_astream_call(Pair, PROMPT, topic="x")]
    assert whole == again == PAIR


@pytest.mark.parametrize("method", STREAMS)
async def test_o6_every_stream_reports_usage_by_default(llm, ask, bodies, method):
    items = await ask(llm, method, "Hi")
    assert items[-1].additional_kwargs["total_tokens"] > 0
    assert "stream_options" not in bodies()[0]


def test_o7_the_answering_model_is_reported(over):
    assert over(answer("Hi")).complete("Hi").raw["model"] == MODEL


def test_o8_statuses_are_typed(llm, mistral_sandbox):
    mistral_sandbox.fail(422)
    with pytest.raises(APIStatusError) as error:
        llm.complete("Hi")
    assert (error.value.status_code, error.value.request_id is not None) == (422, True)


@pytest.mark.parametrize("mode", [PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION])
@pytest.mark.parametrize("method", ["structured_predict", "astructured_predict"])
async def test_o9_the_system_prompt_is_kept_in_both_worlds(
    make_llm, mistral_sandbox, ask, bodies, method, mode
):
    llm = make_llm(pydantic_program_mode=mode, system_prompt="Be brief.")
    if mode is PydanticProgramMode.FUNCTION:
        mistral_sandbox.reply("", calls=[Call("Pair", PAIR.model_dump_json())])
    else:
        mistral_sandbox.reply(PAIR.model_dump_json())
    assert await ask(llm, method, Pair, prompt=PROMPT, topic="x") == [PAIR]
    assert bodies()[0]["messages"][0] == {"role": "system", "content": "Be brief."}
