"""Answers on the wire: one body or events, usage, ends, prefix, several choices, thinking."""

from __future__ import annotations

import json
import re

import pytest

from mistral_calls import (
    KEY,
    answer_text,
    assistant,
    chat,
    chat_body,
    events,
    message_of,
    post,
    tool,
    user,
)
from mistral_schemas import conforms
from portkey_mistral.sandbox import Call, Sandbox, tokens

INTEGER = {"type": "integer"}
ADD = tool("add", "Add two numbers.", a=INTEGER, b=INTEGER)
MULTIPLY = tool("multiply", "Multiply two numbers.", a=INTEGER, b=INTEGER)
BOTH = "What is 2 + 3 and 4 times 5?"


@pytest.fixture
def sandbox():
    return Sandbox(clock=lambda: 1_795_392_000.5)


def text_of(stream):
    deltas = [c["delta"].get("content", "") for e in stream[:-1] for c in e["choices"]]
    return "".join(delta for delta in deltas if isinstance(delta, str))


def test_a_whole_answer(sandbox):
    status, body = chat(sandbox, "Hello")
    assert status == 200
    assert list(body) == ["id", "object", "created", "model", "usage", "choices"]
    assert re.fullmatch(r"[0-9a-f]{32}", body["id"])
    assert (body["object"], body["created"]) == ("chat.completion", 1_795_392_000)
    assert body["model"] == "mistral-small-latest"  # as requested, the alias is not resolved
    [choice] = body["choices"]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"]["tool_calls"] is None
    assert conforms("chat.response", body)


def test_usage_counts_by_the_stated_rule(sandbox):
    _, body = chat(sandbox, "Hello")
    usage = body["usage"]
    assert usage["prompt_tokens"] == tokens.count("Hello") + tokens.MESSAGE_TOKENS
    assert usage["completion_tokens"] == tokens.count(body["choices"][0]["message"]["content"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


def test_a_call_has_no_type_and_text_stays_empty(sandbox):
    _, body = chat(sandbox, BOTH, tools=[ADD, MULTIPLY])
    choice = body["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", "")
    calls = choice["message"]["tool_calls"]
    assert [sorted(each) for each in calls] == [["function", "id", "index"]] * 2
    assert [each["index"] for each in calls] == [0, 1]
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", each["id"]) for each in calls)
    assert len({each["id"] for each in calls}) == 2
    assert conforms("chat.response", body)


def test_the_headers_of_the_service(sandbox):
    reply = sandbox.handle(
        "POST", "/v1/chat/completions", KEY, json.dumps(chat_body("Hello")).encode()
    )
    total = json.loads(reply.read())["usage"]["total_tokens"]
    assert reply.headers["content-type"] == "application/json"
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
        reply.headers["mistral-correlation-id"],
    )
    assert reply.headers["x-kong-request-id"] == reply.headers["mistral-correlation-id"]
    assert reply.headers["x-ratelimit-tokens-query-cost"] == str(total)
    assert int(reply.headers["x-ratelimit-remaining-tokens-minute"]) == 2_000_000 - total


def test_a_stream(sandbox):
    stream = events(sandbox, "Hello")
    assert stream[-1] == "[DONE]"
    first, *_, last = stream[:-1]
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert "p" not in first
    assert all("p" in each for each in stream[1:-1])
    assert last["choices"][0]["finish_reason"] == "stop"
    assert ["usage" in each for each in stream[:-1]] == [False] * (len(stream) - 2) + [True]
    assert len({(each["id"], each["created"], each["model"]) for each in stream[:-1]}) == 1
    assert all(conforms("chat.stream.chunk", each) for each in stream[:-1])


def test_a_stream_equals_the_whole_answer(sandbox):
    stream = events(sandbox, "Say exactly: Grüße,  世界 👋 and\n\nmore")
    assert text_of(stream) == answer_text(sandbox, "Say exactly: Grüße,  世界 👋 and\n\nmore")
    assert (
        stream[-2]["usage"] == chat(sandbox, "Say exactly: Grüße,  世界 👋 and\n\nmore")[1]["usage"]
    )


def test_calls_come_whole_in_one_event(sandbox):
    deltas = [
        each["choices"][0]["delta"] for each in events(sandbox, BOTH, tools=[ADD, MULTIPLY])[:-1]
    ]
    [with_calls] = [delta for delta in deltas if "tool_calls" in delta]
    assert [c["function"]["name"] for c in with_calls["tool_calls"]] == ["add", "multiply"]


def test_the_family_of_another_maker_sends_calls_in_fragments(sandbox):
    stream = events(sandbox, BOTH, tools=[ADD], model="zai-glm-latest")
    pieces = [c for each in stream[:-1] for c in each["choices"][0]["delta"].get("tool_calls", ())]
    assert pieces[0]["function"] == {"name": "add", "arguments": ""}
    assert {piece["id"] for piece in pieces[1:]} == {"null"}
    assert {piece["function"]["name"] for piece in pieces[1:]} == {""}
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == {
        "a": 2,
        "b": 3,
    }


@pytest.mark.parametrize("stop", ["exactly", ["zzz", "exactly", "dog"]])
def test_stop_ends_the_answer_before_the_stop_text(sandbox, stop):
    text = "Say exactly: the cat exactly caught a dog"
    assert answer_text(sandbox, text, stop=stop) == "the cat "
    assert chat(sandbox, text, stop=stop)[1]["choices"][0]["finish_reason"] == "stop"


def test_max_tokens_ends_the_answer_with_length(sandbox):
    _, body = chat(sandbox, "Hello", max_tokens=5)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5
    assert answer_text(sandbox, "Hello").startswith(choice["message"]["content"])
    assert events(sandbox, "Hello", max_tokens=5)[-2]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("cut", [1, 7, 30, 80])
def test_a_prefix_is_repeated_and_its_text_continued(sandbox, cut):
    whole = answer_text(sandbox, "Hello")
    prefix = whole[:cut]
    answer = chat(sandbox, user("Hello"), assistant(prefix, prefix=True))
    assert message_of(answer)["content"] == whole
    assert text_of(events(sandbox, user("Hello"), assistant(prefix, prefix=True))) == whole
    assert answer[1]["usage"]["completion_tokens"] == tokens.count(whole) - tokens.count(prefix)


def test_another_prefix_stands_before_the_answer(sandbox):
    assert (
        answer_text(sandbox, user("Hello"), assistant("Ahoy! ", prefix=True))
        == f"Ahoy! {answer_text(sandbox, 'Hello')}"
    )


def test_the_bounds_count_from_the_prefix_on(sandbox):
    whole = answer_text(sandbox, "Hello")
    content = answer_text(sandbox, user("Hello"), assistant(whole[:20], prefix=True), max_tokens=3)
    assert content.startswith(whole[:20])
    assert tokens.count(content.removeprefix(whole[:20])) == 3


def test_several_choices_differ_and_have_an_index(sandbox):
    _, body = chat(sandbox, "Hello", n=3)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in body["choices"]}) == 3
    stream = events(sandbox, "Hello", n=3)
    texts = ["", "", ""]
    for event in stream[:-1]:
        for choice in event["choices"]:
            texts[choice["index"]] += choice["delta"]["content"]
    assert texts == [choice["message"]["content"] for choice in body["choices"]]
    assert sum("usage" in event for event in stream[:-1]) == 1


def test_thinking_comes_in_lists_before_the_text(sandbox):
    _, body = chat(sandbox, "Hello", reasoning_effort="high")
    thought, text = body["choices"][0]["message"]["content"]
    assert (thought["type"], thought["closed"], text["type"]) == ("thinking", True, "text")
    assert conforms("chat.response", body)
    stream = events(sandbox, "Hello", reasoning_effort="high")
    contents = [each["choices"][0]["delta"]["content"] for each in stream[:-1]]
    lists = [content for content in contents if isinstance(content, list)]
    thinking = "".join(
        t["text"] for each in lists for part in each for t in part.get("thinking", ())
    )
    assert thinking == thought["thinking"][0]["text"]
    assert [part["type"] for part in lists[-1]] == ["thinking", "text"]
    assert lists[-1][0]["closed"] is True
    assert lists[-1][1]["text"] + text_of(stream) == text["text"]
    assert all(conforms("chat.stream.chunk", each) for each in stream[:-1])


@pytest.mark.parametrize(
    ("model", "effort", "thinks"),
    [("mistral-small-latest", None, False), ("mistral-small-latest", "none", False),
     ("mistral-large-4", None, True), ("mistral-large-4", "none", False), ("zai-glm-latest", "low", True)],
)  # fmt: skip
def test_reasoning_models_think(sandbox, model, effort, thinks):
    fields = {} if effort is None else {"reasoning_effort": effort}
    assert isinstance(answer_text(sandbox, "Hello", model=model, **fields), list) is thinks


def test_equal_conversations_get_equal_answers_with_new_ids(sandbox):
    one, other = (
        chat(sandbox, "Hello", temperature=1.2, random_seed=7)[1],
        chat(sandbox, "Hello")[1],
    )
    assert one["choices"] == other["choices"]
    assert one["id"] != other["id"]
    assert chat(Sandbox(), "Hello")[1]["choices"] == one["choices"]


def test_logprobs_name_every_token(sandbox):
    _, body = chat(sandbox, "Hello", logprobs=True, top_logprobs=1)
    choice = body["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert all(entry["logprob"] <= 0 and entry["top_logprobs"] for entry in entries)
    assert conforms("chat.response", body)


def test_the_cache_key_saves_what_begins_alike(sandbox):
    page = "All of this page stays the same. " * 40
    first = chat(sandbox, user(page), prompt_cache_key="k")[1]["usage"]
    again = chat(sandbox, user(page), assistant("x"), user("y"), prompt_cache_key="k")[1]["usage"]
    other = chat(sandbox, user(page), prompt_cache_key="j")[1]["usage"]
    saved = [usage["prompt_tokens_details"]["cached_tokens"] for usage in (first, again, other)]
    assert saved[0] == saved[2] == 0
    assert saved[1] % 64 == 0
    assert 0 < saved[1] <= again["prompt_tokens"]


def test_guardrails_report_and_block(sandbox):
    guard = {"moderation_llm_v2": {"action": "none"}}
    _, body = chat(sandbox, "How do I build a bomb?", guardrails=[guard])
    verdict = body["guardrails"][0]["moderation_llm_v2"]
    assert verdict["action"] == "none"
    assert verdict["categories"]["dangerous"]["violated"]
    blocking = {"moderation_llm_v2": {"action": "block"}}
    status, refused = chat(sandbox, "How do I build a bomb?", guardrails=[blocking])
    assert (status, refused["type"], refused["code"]) == (403, "guardrail_violation", "1920")
    assert refused["guardrails"][0]["moderation_llm_v2"]["action"] == "block"
    assert conforms("error.any", refused)
    assert chat(sandbox, "Hello", guardrails=[blocking])[0] == 200


def test_a_threshold_of_one_switches_a_category_off(sandbox):
    rule = {"action": "block", "custom_category_thresholds": {"dangerous": 1}}
    assert (
        chat(sandbox, "How do I build a bomb?", guardrails=[{"moderation_llm_v2": rule}])[0] == 200
    )


def test_scripted_answers_come_in_their_order_and_only_then_the_model(sandbox):
    sandbox.reply("one")
    sandbox.reply("", calls=[Call("add", '{"a": 1', "chatcmpl-tool-1")], times=2)
    assert answer_text(sandbox, "Hello") == "one"
    for _ in range(2):
        message = message_of(chat(sandbox, "Hello"))
        assert message["tool_calls"][0]["id"] == "chatcmpl-tool-1"
        assert message["tool_calls"][0]["function"]["arguments"] == '{"a": 1'
    assert answer_text(sandbox, "Hello").startswith("I am the sandbox")


@pytest.mark.parametrize(
    "content",
    [None, "", [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [1]}]],
)
def test_scripted_contents_of_every_kind(sandbox, content):
    sandbox.reply(content, times=2)
    assert message_of(chat(sandbox, "Hello"))["content"] == content
    contents = [c["delta"]["content"] for e in events(sandbox, "Hello")[:-1] for c in e["choices"]]
    assert [each for each in contents if each] == ([content] if content else [])


def test_a_script_does_not_make_the_checks_laxer(sandbox):
    sandbox.reply("one")
    assert chat(sandbox, "Hello", seed=1)[0] == 422
    assert answer_text(sandbox, "Hello") == "one"


def test_scripted_text_thinking_and_calls_together(sandbox):
    sandbox.reply(
        "I will add.", calls=[Call("add")], thinking="Hm.", finish_reason="error", times=2
    )
    _, body = chat(sandbox, "Hello")
    assert body["choices"][0]["finish_reason"] == "error"
    assert [part["type"] for part in body["choices"][0]["message"]["content"]] == [
        "thinking",
        "text",
    ]
    assert events(sandbox, "Hello")[-2]["choices"][0]["finish_reason"] == "error"


def test_fill_in_the_middle_has_the_shape_of_a_chat(sandbox):
    fim_body = {"model": "codestral-latest", "prompt": "def add(a, b):\n    ", "suffix": "\n"}
    status, body = post(sandbox, "/v1/fim/completions", fim_body)
    assert status == 200
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "return a + b",
        "tool_calls": None,
    }
    assert conforms("fim.response", body)
    assert (
        post(sandbox, "/v1/fim/completions", {**fim_body, "model": "mistral-small-latest"})[1][
            "code"
        ]
        == "1500"
    )
    assert (
        post(sandbox, "/v1/fim/completions", {**fim_body, "temperature": 0, "top_p": 0.1})[1][
            "code"
        ]
        == "3051"
    )
    assert (
        post(sandbox, "/v1/fim/completions", {**fim_body, "max_tokens": 2})[1]["choices"][0][
            "finish_reason"
        ]
        == "length"
    )


@pytest.mark.parametrize(
    "text", ["", "a", " ", "Hello, world! 123456", "Grüße 世界 👋🏽\n\t x__y", "a" * 50]
)
def test_pieces_give_back_the_text(text):
    assert "".join(tokens.pieces(text)) == "".join(tokens.words(text)) == text
    assert tokens.count(text) == len(tokens.pieces(text))


@pytest.mark.parametrize("arguments", [{"city": "Lyon"}, '{"city":"Lyon"}'])
def test_a_scripted_tool_call_may_be_a_dict(arguments):
    sandbox = Sandbox()
    sandbox.reply(
        calls=[{"name": "get_weather", "arguments": arguments}, {"name": "now", "id": "abcdefghi"}]
    )
    weather, now = message_of(chat(sandbox, "Hi"))["tool_calls"]
    assert json.loads(weather["function"]["arguments"]) == {"city": "Lyon"}
    assert (now["function"]["arguments"], now["id"]) == ("{}", "abcdefghi")


def test_a_scripted_tool_call_of_the_wrong_shape_is_a_type_error():
    with pytest.raises(TypeError, match="argument"):
        Sandbox().reply(calls=[{"name": "f", "args": {}}])
