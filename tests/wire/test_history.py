"""Every converted history is checked by Mistral's own validator (mistral-common)."""

import copy
import inspect
import re
from dataclasses import replace
from itertools import chain
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_common.protocol.instruct.messages import (
    AssistantMessage,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from mistral_common.protocol.instruct.tool_calls import FunctionCall
from mistral_common.protocol.instruct.tool_calls import ToolCall as TheirCall
from mistral_common.protocol.instruct.validator import (
    MistralRequestValidatorV13,
    ValidationMode,
)

from portkey_mistral._wire import history
from portkey_mistral._wire.history import repair
from portkey_mistral._wire.mistral import encode_message
from portkey_mistral._wire.tool_call_ids import short_id
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import ImagePart, Message, TextPart, ThinkingPart, ToolCall

system, user, assistant = Message.system, Message.user, Message.assistant
NINE = re.compile(r"[a-zA-Z0-9]{9}")


def call(id_, name="look", arguments="{}"):
    return ToolCall(id_, name, arguments)


def calling(*ids, content=""):
    return assistant(content, tool_calls=tuple(call(id_) for id_ in ids))


def result(id_, content="found", name=None):
    return Message("tool", content, tool_call_id=id_, name=name)


def roles(messages):
    return [message.role for message in repair(messages)]


def theirs(message):
    match message.role:
        case "system":
            return SystemMessage(content=message.text)
        case "user":
            return UserMessage(content=message.text)
        case "tool":
            return ToolMessage(
                content=message.text, tool_call_id=message.tool_call_id, name=message.name
            )
        case _:
            calls = [
                TheirCall(id=c.id, function=FunctionCall(name=c.name, arguments=c.arguments))
                for c in message.tool_calls
            ]
            # Their class cannot hold thinking in every version; it counts as content all the same.
            content = message.text or ("thought" if message.content else None)
            return AssistantMessage(
                content=content, tool_calls=calls or None, prefix=bool(message.prefix)
            )


def check(messages):
    """Raise Mistral's error for these messages."""
    validator = MistralRequestValidatorV13(ValidationMode.serving)
    # Older versions ask whether the last message is to be continued; newer ones see it by themselves.
    asks = "continue_final_message" in inspect.signature(validator.validate_messages).parameters
    converted = [theirs(message) for message in messages]
    validator.validate_messages(converted, *([False] if asks else []))


FINE = [
    [user("hi")],
    [system("be kind"), user("hi")],
    [system("a"), system("b"), user("hi"), user("and?")],
    [user("hi"), system("be kind"), user("go on")],
    [assistant("Hello!"), user("hi"), assistant("yes?"), assistant("still here"), user("ok")],
    [user("q"), calling("abcDEF123"), result("abcDEF123"), assistant("done"), user("thanks")],
    [user("q"), calling("aaaaaaaaa", "bbbbbbbbb"), result("aaaaaaaaa"), result("bbbbbbbbb")],
    [user("q"), assistant((ThinkingPart("hm"), TextPart("a"))), user("b")],
    [system("alone")],
]


@pytest.mark.parametrize("messages", FINE)
def test_a_history_that_is_fine_stays_as_it_is(messages):
    check(messages)
    assert repair(messages) == messages


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([user("q"), calling("x"), result("x"), user("u")], "user assistant tool assistant user"),
        ([user("q"), calling("x")], "user assistant tool"),
        ([user("q"), calling("x"), user("u")], "user assistant tool assistant user"),
        ([user("q"), calling("x", "y"), result("y")], "user assistant tool tool"),
        ([user("q"), result("gone"), user("u")], "user user user"),
        ([result("gone")], "user"),
        ([user("q"), assistant(""), user("u")], "user user"),
        ([user("q"), assistant((TextPart(""),)), user("u")], "user user"),
        ([user("q"), calling("x"), result("x"), assistant(""), user("u")],
         "user assistant tool assistant user"),
        ([user("q"), assistant("a"), system("s"), user("u")], "user assistant user user"),
        ([system("s"), user("u"), system("stop now")], "system user user"),
        ([user("q"), calling("x"), result("x"), system("stop now")],
         "user assistant tool assistant user"),
        ([user("q"), assistant("half an ans")], "user assistant"),
        ([assistant("half an ans")], "user assistant"),
        ([calling("x"), result("x")], "user assistant tool"),
        ([system((TextPart("s"), ImagePart("https://x/y.png"))), user("u")], "system user user"),
        ([system((ImagePart("https://x/y.png"),)), user("u")], "user user"),
    ],
)  # fmt: skip
def test_roles_after_repair(messages, expected):
    repaired = repair(messages)
    check(repaired)
    assert [message.role for message in repaired] == expected.split()


def test_foreign_ids_become_nine_characters_the_same_for_call_and_result_and_every_time():
    history = [
        user("q"),
        calling("call_AAAA", "toolu_01B-x"),
        result("toolu_01B-x", "b"),
        result("call_AAAA", "a"),
    ]
    _, turn, first, second = repair(history)
    ids = [c.id for c in turn.tool_calls]
    assert all(NINE.fullmatch(id_) for id_ in ids)
    assert len(set(ids)) == 2
    # Results come in the order of the calls.
    assert [(m.tool_call_id, m.text) for m in (first, second)] == [(ids[0], "a"), (ids[1], "b")]
    longer = repair([*history, assistant("done"), user("more")])
    assert longer[: len(history)] == repair(history)


def test_ids_that_vendors_use_again_belong_to_the_newest_call():
    # Some vendors use the tool's name as the id of its call.
    history = [
        user("q"), calling("look"), result("look", "one"), assistant("a"),
        user("r"), calling("look"), result("look", "two"),
    ]  # fmt: skip
    repaired = repair(history)
    check(repaired)
    answers = {m.tool_call_id: m.text for m in repaired if m.role == "tool"}
    ids = [c.id for m in repaired for c in m.tool_calls]
    assert [answers[id_] for id_ in ids] == ["one", "two"]


def test_equal_ids_in_one_turn_are_answered_in_order():
    repaired = repair(
        [user("q"), calling("look", "look"), result("look", "1"), result("look", "2")]
    )
    check(repaired)
    assert [m.text for m in repaired[2:]] == ["1", "2"]


def test_a_hashed_id_gives_way_to_the_same_id_of_someone_else():
    taken = short_id("call_AAAA")
    repaired = repair([user("q"), calling("call_AAAA", taken), result("call_AAAA"), result(taken)])
    check(repaired)
    assert repaired[1].tool_calls[1].id == taken != repaired[1].tool_calls[0].id


@pytest.mark.parametrize("id_", [None, "", "null"])
def test_calls_without_an_id_get_one(id_):
    repaired = repair([user("q"), calling(id_), result(id_, "r")])
    check(repaired)
    assert repaired[2].text == "r"


def test_results_without_an_id_find_their_call_by_name():
    calling = assistant(tool_calls=(call("a", "add"), call("b", "look")))
    repaired = repair([user("q"), calling, result(None, "2", "look"), result(None, "1", "add")])
    assert [m.text for m in repaired[2:]] == ["1", "2"]


@pytest.mark.parametrize(
    ("calls", "results", "order"),
    [
        pytest.param([call(None, "add")], [result("add")], [0], id="the name as the result's id"),
        pytest.param([call(None, "a.b")], [result("a.b")], [0], id="an illegal name as its id"),
        pytest.param([call(None, "add")], [result("5f3ea0")], [0], id="an id for the result only"),
        pytest.param([call("x1", "add")], [result("y1")], [0], id="another id for the result"),
        pytest.param([call("x1", "add")], [result(None, name="add")], [0], id="no id for it"),
        pytest.param(
            [call(None, "add"), call(None)], [result("look"), result("add")], [1, 0], id="swapped"
        ),
        pytest.param([call(None), call(None)], [result("r1"), result("r2")], [0, 1], id="twice"),
        pytest.param(
            [call("x1"), call("x2", "add")],
            [result(None, name="add"), result("x1")],
            [1, 0],
            id="mixed",
        ),
    ],
)
def test_results_are_paired_by_name_or_order_where_ids_do_not(calls, results, order):
    """As integrations for Ollama, Google, Cohere and OpenAI's old functions store them."""
    results = [replace(each, content=f"result {at}") for at, each in enumerate(results)]
    repaired = repair([user("q"), assistant(tool_calls=tuple(calls)), *results])
    check(repaired)
    assert [m.role for m in repaired] == ["user", "assistant", *["tool"] * len(calls)]
    assert [m.text for m in repaired[2:]] == [f"result {at}" for at in order]


def test_a_result_is_not_paired_by_order_with_a_call_that_has_its_own_or_is_far_away():
    own = repair([user("q"), calling("x"), result("gone", "lost"), result("x", "own")])
    assert [m.text for m in own if m.role == "tool"] == ["own"]
    far = repair([user("q"), calling("x"), user("well?"), result("gone", "lost")])
    assert [m.text for m in far if m.role == "tool"] == [
        "No result of this tool call was recorded."
    ]
    assert "lost" in far[-1].text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a": "é"}', '{"a": "é"}'),
        ("", "{}"),
        ("null", "{}"),
        ('{"a": "b', '{"INVALID_JSON":"{\\"a\\": \\"b"}'),
        ("look it up", '{"INVALID_JSON":"look it up"}'),
        ("[1]", '{"INVALID_JSON":"[1]"}'),
        ('{"a": NaN}', '{"INVALID_JSON":"{\\"a\\": NaN}"}'),
    ],
)
def test_arguments_go_back_as_a_json_object(arguments, expected):
    """vLLM and llama.cpp refuse a history whose arguments they cannot decode."""
    repaired = repair([user("q"), assistant(tool_calls=(call("x", "f", arguments),)), result("x")])
    assert repaired[1].tool_calls[0].arguments == expected


def test_a_result_that_comes_late_moves_behind_its_call():
    repaired = repair([user("q"), calling("x"), user("well?"), result("x", "late"), user("so?")])
    check(repaired)
    assert [m.text for m in repaired] == ["q", "", "late", "OK", "well?", "so?"]


def test_no_content_is_lost():
    image = ImagePart("data:image/png;base64,AAAA")
    moved = repair([user("q"), result("gone", (TextPart("seen"), image), "camera"), user("and?")])[
        1
    ]
    assert moved.role == "user"
    assert "camera" in moved.text
    assert moved.content[1:] == (TextPart("seen"), image)
    twice = repair([user("q"), calling("x"), result("x", "one"), result("x", "again"), user("u")])
    assert "again" in twice[4].text
    missing = repair([user("q"), calling("x"), user("u")])[2]
    assert missing.text == "No result of this tool call was recorded."
    kept = repair([user("q"), calling("x", content="Let me look."), result("x")])[1]
    assert kept.text == "Let me look."


def test_only_a_last_assistant_is_a_prefix():
    first = Message("assistant", "a", prefix=True)
    repaired = repair([user("q"), first, user("r"), assistant("b")])
    assert [bool(message.prefix) for message in repaired] == [False, False, False, True]


def by(name, content="done"):
    return Message("assistant", content, name=name)


@pytest.mark.parametrize(
    ("messages", "new_answer", "continued"),
    [
        ([user("q"), assistant("half an ans")], False, True),
        ([user("q"), assistant("the answer")], True, False),
        ([user("q"), replace(assistant('{"a":'), prefix=True)], True, True),
        ([user("q"), replace(assistant("the answer"), prefix=False)], False, False),
        ([user("q"), by("researcher")], False, False),
        ([user("q"), by("supervisor"), user("r"), assistant("done")], False, False),
        ([user("q"), replace(by("writer"), prefix=True)], False, True),
        ([assistant("the answer")], True, False),
    ],
)
def test_a_last_assistant_message_is_continued_only_where_it_begins_the_answer(
    messages, new_answer, continued
):
    repaired = repair(messages, new_answer=new_answer)
    check(repaired)
    last = repaired[-1]
    assert (last.role, bool(last.prefix)) == (("assistant", True) if continued else ("user", False))
    assert messages[-1].text in [message.text for message in repaired]
    assert sum(bool(message.prefix) for message in repaired) == continued


def test_names_and_arguments_that_mistral_rejects_are_repaired():
    calling = assistant(tool_calls=(call("a", "files.read", ""),))
    repaired = repair([user("q"), calling, result("a", name="files.read")])
    check(repaired)
    assert repaired[1].tool_calls[0].name == repaired[2].name == "files_read"
    assert repaired[1].tool_calls[0].arguments == "{}"


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "pass at least one message"),
        ([assistant("")], "only empty assistant messages"),
        ([user("q"), Message("critic", "bad")], r"messages\[1\] has the role 'critic'"),
    ],
)
def test_what_cannot_be_repaired_says_why(messages, message):
    with pytest.raises(InvalidRequestError, match=message):
        repair(messages)


IDS = st.sampled_from(["call_1", "call_2", "abcDEF123", "look", "", "null", None])
TEXTS = st.sampled_from(["", "text", "漢字"])
PARTS = st.sampled_from([TextPart(""), TextPart("t"), ThinkingPart("hm"), ImagePart("https://x/y")])
CONTENTS = TEXTS | st.lists(PARTS, max_size=2).map(tuple)
CALLS = st.lists(st.builds(call, IDS, st.sampled_from(["look", "a.b"])), max_size=3).map(tuple)
MESSAGES = st.one_of(
    st.builds(system, CONTENTS),
    st.builds(user, CONTENTS),
    st.builds(lambda c, calls: assistant(c, tool_calls=calls), CONTENTS, CALLS),
    st.builds(result, IDS, CONTENTS, st.sampled_from([None, "look", "a.b"])),
)


@given(st.lists(MESSAGES, min_size=1, max_size=8))
def test_mistral_accepts_every_repaired_history(messages):
    before = copy.deepcopy(messages)
    try:
        repaired = repair(messages)
    except InvalidRequestError:
        assert all(m.role == "assistant" and not m.text for m in messages)
        return
    check(repaired)
    assert repaired[-1].role in ("user", "tool") or repaired[-1].prefix or len(repaired) == 1
    assert messages == before
    assert repair(repaired) == repaired
    # The words of users and tools are still there.
    text = "".join(message.text for message in repaired)
    assert all(m.text in text for m in messages if m.role in ("user", "tool", "system"))


PLAIN = st.one_of(
    st.builds(system, CONTENTS),
    st.builds(Message, st.just("user"), CONTENTS, prefix=st.booleans()),
    st.builds(Message, st.just("user"), CONTENTS, name=TEXTS, tool_call_id=IDS, tool_calls=CALLS),
)


SHORT_IDS = st.sampled_from(["abcDEF123", "000000001", "call_1"])
ANY_CALLS = st.lists(
    st.builds(
        call,
        SHORT_IDS,
        st.sampled_from(["look", "look", "a.b"]),
        st.sampled_from(["{}", '{"a": 1}', "", "[]", "null", "{"]),
    ),
    max_size=2,
).map(tuple)
NEARLY_VALID = st.one_of(
    st.builds(user, TEXTS),
    st.builds(lambda c, calls: assistant(c, tool_calls=calls), TEXTS, ANY_CALLS),
    st.builds(lambda t, p: replace(assistant(t), prefix=p), TEXTS, st.sampled_from([None, True])),
    st.builds(result, SHORT_IDS, TEXTS, st.sampled_from([None, "look", "a.b", ""])),
    st.builds(Message, st.sampled_from(["user", "system", "tool"]), TEXTS, ANY_CALLS, SHORT_IDS),
)


# Starts of histories that need no repair.
ID = st.integers(0, 4).map("abcDEF{:03}".format)
VALID_TURNS = st.one_of(
    st.just([user("q"), assistant("a")]),
    st.just([system("s"), user("q"), assistant("a")]),
    ID.map(lambda id_: [user("q"), calling(id_), result(id_), assistant("a")]),
    ID.map(lambda id_: [user("q"), calling(id_), result(id_)]),
    st.just([user("q"), replace(assistant("a"), name="writer")]),
)
VALID_STARTS = st.lists(VALID_TURNS, max_size=3).map(lambda turns: [*chain(*turns)])
# Their calls may have ids of the start, and results of its calls may follow late or again.
LATER = st.one_of(
    MESSAGES,
    NEARLY_VALID,
    st.builds(result, ID | IDS),
    st.builds(calling, ID | IDS, ID | IDS),
)
HISTORIES = st.one_of(
    st.lists(PLAIN | MESSAGES, min_size=1, max_size=3),
    st.lists(NEARLY_VALID, min_size=1),
    st.builds(add, VALID_STARTS, st.lists(LATER, min_size=1, max_size=4)),
)


def sent(messages, **options):
    try:
        return [encode_message(message) for message in repair(messages, **options)]
    except InvalidRequestError as error:
        return error.message


@given(HISTORIES, st.booleans())
def test_what_is_kept_unread_is_what_a_repair_of_everything_keeps(messages, new_answer):
    at_once = sent(messages, new_answer=new_answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "_valid_part", lambda _: 0)
        assert at_once == sent(messages, new_answer=new_answer)


ASKED, TOLD = user("q"), assistant("a")


@pytest.mark.parametrize(
    "messages",
    [
        [user("q")],
        [system("s"), user("q")],
        [ASKED, TOLD, ASKED],
        [ASKED, calling("abcDEF123"), result("abcDEF123")],
        [ASKED, calling("abcDEF123", "abcDEF124"), result("abcDEF123"), result("abcDEF124")],
        [ASKED, calling("abcDEF123"), result("abcDEF123", name="look"), TOLD, ASKED],
    ],
    ids=lambda messages: " ".join(message.role for message in messages),
)
def test_a_valid_history_is_not_taken_apart(messages, monkeypatch):
    monkeypatch.setattr(history, "with_paired_results", None)
    assert repair(messages) == messages


def test_only_the_end_of_a_long_history_is_repaired(monkeypatch):
    repaired = []
    pair = history.with_paired_results
    monkeypatch.setattr(
        history,
        "with_paired_results",
        lambda messages, ids: pair(repaired.append(messages) or messages, ids),
    )
    turns = [ASKED, calling("abcDEF123"), result("abcDEF123"), TOLD]
    end = [ASKED, calling("abcDEF124"), result("abcDEF124"), user("stop")]
    assert [message.role for message in repair([*turns, *end])[-2:]] == ["assistant", "user"]
    assert repaired == [end[1:]]
