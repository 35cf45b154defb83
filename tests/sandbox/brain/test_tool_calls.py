"""Which tools are called, and with what."""

from __future__ import annotations

import json

import pytest

from mistral_calls import answer_text, assistant, call, called, chat, message_of, result, tool, user
from portkey_mistral.sandbox import Sandbox

INTEGER, NUMBER, STRING = {"type": "integer"}, {"type": "number"}, {"type": "string"}
MAGIC = tool("magic_function", "Apply a magic function to an input.",
             input={"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000})  # fmt: skip
NO_ARGS = tool("magic_function_no_args", "Calculate a magic function.")
WEATHER = tool("get_weather", "Get weather at a location.", location=STRING)
ADD = tool("add", "Add two numbers.", a=INTEGER, b=INTEGER)
MULTIPLY = tool("multiply", "Multiply two numbers.", a=INTEGER, b=INTEGER)
DOCS = tool("search_docs", "Search the documentation about Mistral models.", query=STRING)
CUSTOMER = tool("create_customer", "Create a customer.", customer_name=STRING, description=STRING)
GREETING = tool(
    "greeting_generator", "Generate a greeting in a particular style.", answer_style=STRING
)
CONVERT = tool(
    "convert_currency", "Convert an amount.", amount=NUMBER, source=STRING, target=STRING
)


@pytest.fixture
def sandbox():
    return Sandbox()


CHOICES = [
    ("What is the value of magic_function(3)? Use the tool.", [MAGIC], [("magic_function", {"input": 3})]),
    ("What is the value of magic_function_no_args()? Use the tool.", [NO_ARGS], [("magic_function_no_args", {})]),
    ("What is the weather in San Francisco, CA?", [WEATHER], [("get_weather", {"location": "San Francisco, CA"})]),
    ("What is the weather in Paris?", [ADD, WEATHER], [("get_weather", {"location": "Paris"})]),
    ("What is the weather in Paris and Rome?", [WEATHER], [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "Rome"})]),
    ("What is 2 + 3 and 4 times 5?", [ADD, MULTIPLY], [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 5})]),
    ("Add 2 and 3, and multiply 4 by 5.", [ADD, MULTIPLY], [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 5})]),
    ("What is 2 plus 3?", [MULTIPLY, ADD], [("add", {"a": 2, "b": 3})]),
    ("Tell me the weather in Oslo, then multiply 6 by 7.", [MULTIPLY, WEATHER], [("get_weather", {"location": "Oslo"}), ("multiply", {"a": 6, "b": 7})]),
    ("How much does Codestral cost? Search the documentation.", [DOCS, WEATHER], [("search_docs", {"query": "How much does Codestral cost?"})]),
    ("Convert 100 dollars to euros", [CONVERT], [("convert_currency", {"amount": 100.0, "source": "dollars", "target": "euros"})]),
    ("Hello!", [MAGIC, WEATHER], []),
    ("What is the capital of France?", [ADD, MULTIPLY, WEATHER], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tools", "calls"), CHOICES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_on_auto_the_words_decide(sandbox, text, tools, calls):
    assert called(sandbox, text, tools=tools) == calls


@pytest.mark.parametrize("choice", ["any", "required"])
def test_a_required_call_is_made_even_without_a_request(sandbox, choice):
    [(name, arguments)] = called(sandbox, "Hello!", tools=[MAGIC, WEATHER], tool_choice=choice)
    assert name == "magic_function"
    assert -1000 < arguments["input"] < 1000


def test_a_named_tool_is_the_one_called(sandbox):
    choice = {"type": "function", "function": {"name": "get_weather"}}
    [(name, _)] = called(
        sandbox, "What is magic_function(3)?", tools=[MAGIC, WEATHER], tool_choice=choice
    )
    assert name == "get_weather"


def test_none_means_no_call(sandbox):
    assert (
        called(sandbox, "What is the weather in Paris?", tools=[WEATHER], tool_choice="none") == []
    )


def test_one_call_at_a_time_where_parallel_calls_are_off(sandbox):
    fields = {"tools": [ADD, MULTIPLY], "parallel_tool_calls": False}
    question = user("What is 2 + 3 and 4 times 5?")
    first = message_of(chat(sandbox, question, **fields))
    assert [c["function"]["name"] for c in first["tool_calls"]] == ["add"]
    one = [question, assistant("", *first["tool_calls"]), result("5", first["tool_calls"][0]["id"])]
    second = message_of(chat(sandbox, *one, **fields))
    assert [c["function"]["name"] for c in second["tool_calls"]] == ["multiply"]
    two = [*one, assistant("", *second["tool_calls"]), result("20", second["tool_calls"][0]["id"])]
    assert answer_text(sandbox, *two, **fields) == "According to add: 5\nAccording to multiply: 20"


@pytest.mark.parametrize(
    "spelling",
    ['{"location":"Paris"}', '{ "location": "Paris" }', "not json", '{"location":"Lyon"}'],
)
def test_a_call_that_has_its_result_is_not_made_again(sandbox, spelling):
    made = {"id": "abcdefghi", "function": {"name": "get_weather", "arguments": spelling}}
    turns = [user("What is the weather in Paris?"), assistant("", made), result("18 degrees")]
    assert answer_text(sandbox, *turns, tools=[WEATHER]) == "According to get_weather: 18 degrees"


HANDOFF = tool(
    "handoff",
    "Hand off to another agent. Currently available agents: {'billing': 'Refunds money.', 'shipping': \"Says where a "
    "parcel's van is.\", 'legal': 'Reads contracts.'}",
    to_agent=STRING,
    reason=STRING,
)


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("Hand off to billing.", "billing"),
        ("Hand off to legal.", "legal"),
        ("Hand off to the agent for contracts.", "legal"),
        ("Hand off to whoever refunds money.", "billing"),
    ],
)
def test_a_choice_that_only_the_description_explains_is_one_of_its_names(sandbox, text, agent):
    [(name, arguments)] = called(sandbox, text, tools=[HANDOFF], tool_choice="any")
    assert (name, arguments["to_agent"]) == ("handoff", agent)


def test_a_hand_off_is_not_reported_as_a_result(sandbox):
    handed = "Agent billing is now handling the request due to the following reason: money."
    turns = [user("Find it, and hand off."), assistant("", call("handoff")), result(handed)]
    turns += [assistant("", call("refund", tool_id="abcdefgh2")), result("Done.", "abcdefgh2")]
    assert answer_text(sandbox, *turns) == "According to refund: Done."


def test_a_demanded_call_after_results_takes_the_tool_that_is_left(sandbox):
    answer = tool("Answer", "The final answer.", city=STRING, degrees=INTEGER)
    made = {
        "id": "abcdefghi",
        "function": {"name": "get_weather", "arguments": '{"location": "Paris"}'},
    }
    turns = [user("What is the weather in Paris?"), assistant("", made), result("18 degrees")]
    calls = called(sandbox, *turns, tools=[WEATHER, answer], tool_choice="any")
    assert calls == [("Answer", {"city": "Paris", "degrees": 18})]


def test_a_new_question_makes_new_calls(sandbox):
    made = {
        "id": "abcdefghi",
        "function": {"name": "get_weather", "arguments": '{"location": "Paris"}'},
    }
    turns = [
        user("What is the weather in Paris?"),
        assistant("", made),
        result("18"),
        assistant("18"),
    ]
    calls = called(sandbox, *turns, user("What is the weather in Rome?"), tools=[WEATHER])
    assert calls == [("get_weather", {"location": "Rome"})]


def test_long_results_are_summarised_by_their_best_sentence(sandbox):
    made = {"id": "abcdefghi", "function": {"name": "search_docs", "arguments": "{}"}}
    page = "Cats sleep a lot. " * 80 + "Codestral costs 0.30 USD."
    turns = [user("What does Codestral cost?"), assistant("", made), result(page)]
    assert (
        answer_text(sandbox, *turns, tools=[DOCS])
        == "According to search_docs: Codestral costs 0.30 USD."
    )


@pytest.mark.parametrize("name", ["你好啊集团", "こんにちは株式会社", "Ünïcøde GmbH"])
def test_names_in_every_script(sandbox, name):
    text = f"Create a customer named '{name}' (Hello Group) - a technology company"
    [(_, arguments)] = called(sandbox, text, tools=[CUSTOMER], tool_choice="any")
    assert arguments["customer_name"] == name
    assert arguments["description"]


def test_a_style_is_taken_from_the_text(sandbox):
    text = "Using the tool, generate a Pirate greeting."
    assert called(sandbox, text, tools=[GREETING], tool_choice="any") == [
        ("greeting_generator", {"answer_style": "Pirate"})
    ]


def test_an_agent_in_plain_text(sandbox):
    system = {"role": "system", "content": (
        "You have access to the following tools:\n> Tool Name: add\nTool Description: Add two numbers\n"
        f"Tool Args: {json.dumps(ADD['function']['parameters'])}\n\n"
        "Thought: I need a tool.\nAction: tool name (one of add)\nAction Input: the input\n"
        "Observation: tool response\n"
    )}  # fmt: skip
    step = answer_text(sandbox, system, "What is 2 plus 3?")
    assert step.endswith('Action: add\nAction Input: {"a":2,"b":3}')
    end = answer_text(sandbox, system, "What is 2 plus 3?", assistant(step), user("Observation: 5"))
    assert end.endswith("Answer: According to add: 5")
    assert "Answer: I am the sandbox" in answer_text(sandbox, system, "Hello")
