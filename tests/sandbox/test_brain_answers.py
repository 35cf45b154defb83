"""Answers in words: from a context, from what was said before, in the forms that frameworks parse."""

from __future__ import annotations

import json

import pytest
from llama_index.core.chat_engine import condense_plus_context, condense_question
from llama_index.core.evaluation import correctness, faithfulness, pairwise
from llama_index.core.extractors import metadata_extractors as extractors
from llama_index.core.prompts import PromptTemplate, chat_prompts
from llama_index.core.prompts import default_prompts as prompts
from llama_index.core.question_gen.prompts import DEFAULT_SUB_QUESTION_PROMPT_TMPL
from llama_index.core.retrievers.fusion_retriever import QUERY_GEN_PROMPT
from llama_index.core.selectors import prompts as selectors

from mistral_calls import assistant, called, said, tool, user
from portkey_mistral.sandbox import Sandbox

PAGES = """file_path: pages/codestral.md

# Codestral 25.08

Codestral is Mistral's model for code. It completes code in the middle of a file from a prefix and a suffix.

The context window holds 131,072 tokens. It costs 0.30 USD per million input tokens.

file_path: pages/large.md

# Mistral Large 3

Mistral Large 3 is a general model. It understands images and calls tools.

It costs 0.50 USD per million input tokens. The context window holds 262,144 tokens.
"""
TWO_QUESTIONS = "Which model completes code, and what does it cost?"
MISSING = "The given context does not say."


@pytest.fixture
def sandbox():
    return Sandbox()


def filled(template, **values):
    """Write a framework's template as the messages it sends."""
    return [
        {"role": m.role.value, "content": m.content} for m in template.format_messages(**values)
    ]


def system(text):
    return {"role": "system", "content": text}


def contexts(question):
    """The same question in the prompts of both frameworks."""
    yield "text_qa", filled(prompts.DEFAULT_TEXT_QA_PROMPT, context_str=PAGES, query_str=question)
    yield (
        "chat_text_qa",
        filled(chat_prompts.CHAT_TEXT_QA_PROMPT, context_str=PAGES, query_str=question),
    )
    yield (
        "tree_summarize",
        filled(chat_prompts.CHAT_TREE_SUMMARIZE_PROMPT, context_str=PAGES, query_str=question),
    )
    yield (
        "refine",
        filled(
            chat_prompts.CHAT_REFINE_PROMPT,
            context_msg=PAGES,
            query_str=question,
            existing_answer=MISSING,
        ),
    )
    yield (
        "old_refine",
        filled(
            prompts.DEFAULT_REFINE_PROMPT,
            context_msg=PAGES,
            query_str=question,
            existing_answer=MISSING,
        ),
    )
    plus = condense_plus_context.DEFAULT_CONTEXT_PROMPT_TEMPLATE.format(context_str=PAGES)
    yield "condense_plus", [system(plus), user(question)]
    yield "tags", [system(f"Use these.\n\n<context>\n{PAGES}</context>"), user(question)]
    yield "colon", [system(f"Answer using only this context:\n{PAGES}"), user(question)]
    yield (
        "unmarked",
        [
            system(f"Answer from the retrieved documents below, in a few words.\n\n{PAGES}"),
            user(question),
        ],
    )
    yield "labels", [user(f"Use the context.\nQuestion: {question} \nContext: {PAGES} \nAnswer:")]
    yield "question_last", [user(f"Context:\n{PAGES}\nQuestion: {question}\nHelpful Answer:")]


NAMES = [name for name, _ in contexts("")]
QUESTIONS = [
    (TWO_QUESTIONS, ["completes code", "0.30 USD"], ["images", "0.50"]),
    ("Which model understands images?", ["understands images"], ["Codestral"]),
    ("What does Mistral Large 3 cost?", ["0.50 USD"], ["0.30"]),
    ("How large is the context window of Codestral?", ["131,072"], ["262,144"]),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("question", "held", "absent"), QUESTIONS, ids=[q for q, _, _ in QUESTIONS]
)
def test_the_best_sentences_of_the_context(sandbox, name, question, held, absent):
    answer = said(sandbox, *dict(contexts(question))[name])
    assert all(part in answer for part in held), answer
    assert not any(part in answer for part in absent), answer


def test_what_the_context_does_not_say(sandbox):
    messages = filled(
        prompts.DEFAULT_TEXT_QA_PROMPT, context_str="Cats sleep.", query_str=TWO_QUESTIONS
    )
    assert said(sandbox, *messages) == MISSING


@pytest.mark.parametrize(
    "template", [chat_prompts.CHAT_REFINE_PROMPT, prompts.DEFAULT_REFINE_PROMPT]
)
def test_refining_keeps_a_good_answer_and_adds_what_is_new(sandbox, template):
    keep = {"query_str": TWO_QUESTIONS, "existing_answer": "Codestral completes code."}
    assert (
        said(sandbox, *filled(template, context_msg="Cats sleep.", **keep))
        == "Codestral completes code."
    )
    better = said(
        sandbox,
        *filled(template, context_msg="Codestral completes code and its cost is 0.30 USD.", **keep),
    )
    assert better == "Codestral completes code. Codestral completes code and its cost is 0.30 USD."


def test_sources_are_cited(sandbox):
    text = "Cite the sources.\n------\nSource 1:\nCats sleep.\n\nSource 2:\nCodestral completes code.\n------\nQuery: Which model completes code?\nAnswer: "
    assert said(sandbox, text) == "Codestral completes code. [2]"


def test_what_was_said_before(sandbox):
    talk = [user("My name is Bob and I like tea."), assistant("Hello"), user("What is my name?")]
    assert said(sandbox, *talk) == "You told me: My name is Bob and I like tea."


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Say exactly: Grüße, 世界 👋", "Grüße, 世界 👋"), ('Repeat this: "a  b"', "a  b"), ("What is 3 + 4", "3 + 4 = 7"),
     ("Compute 7 / 2", "7 / 2 = 3.5"), ("What is 1 / 0?", "1 cannot be divided by zero.")],
)  # fmt: skip
def test_small_favours(sandbox, text, answer):
    assert said(sandbox, text) == answer


def test_it_says_what_it_is_when_nothing_else_applies(sandbox):
    answer = said(sandbox, "Write me 2 haikus.", model="codestral-latest")
    assert answer.startswith(
        "I am the sandbox of portkey-mistral, an offline stand-in for codestral-latest"
    )
    assert answer.endswith("You said: Write me 2 haikus.")


def test_keywords(sandbox):
    asked = filled(
        prompts.DEFAULT_QUERY_KEYWORD_EXTRACT_TEMPLATE, question=TWO_QUESTIONS, max_keywords=3
    )
    assert said(sandbox, *asked) == "KEYWORDS: model, completes, code"
    asked = filled(prompts.DEFAULT_KEYWORD_EXTRACT_TEMPLATE, text=PAGES, max_keywords=5)
    assert len(said(sandbox, *asked).removeprefix("KEYWORDS: ").split(", ")) == 5


CHOICES = {
    "num_choices": 2,
    "context_list": "(1) Facts about cats\n\n(2) Prices of models",
    "query_str": "What are the prices?",
}


def test_choices(sandbox):
    [choice] = json.loads(said(sandbox, *filled(selectors.DEFAULT_SINGLE_SELECT_PROMPT, **CHOICES)))
    assert choice["choice"] == 2
    assert "Prices of models" in choice["reason"]
    text = selectors.DEFAULT_SINGLE_PYD_SELECT_PROMPT_TMPL.format(**CHOICES)
    selection = tool("SingleSelection", index={"type": "integer"}, reason={"type": "string"})
    [(_, arguments)] = called(sandbox, text, tools=[selection], tool_choice="any")
    assert arguments == {"index": 2, "reason": "Prices of models"}


def test_relevance_of_documents(sandbox):
    documents = (
        "Document 1:\nCats sleep\n\nDocument 2:\nCodestral is the model that completes code\n"
    )
    asked = filled(
        prompts.DEFAULT_CHOICE_SELECT_PROMPT, context_str=documents, query_str=TWO_QUESTIONS
    )
    assert said(sandbox, *asked) == "Doc: 2, Relevance: 8"


@pytest.mark.parametrize(
    ("claim", "verdict"), [("Codestral completes code.", "YES"), ("Cats fly to the moon.", "NO")]
)
def test_faithfulness(sandbox, claim, verdict):
    asked = filled(faithfulness.DEFAULT_EVAL_TEMPLATE, query_str=claim, context_str=PAGES)
    assert said(sandbox, *asked) == verdict


def test_scores_and_pairs(sandbox):
    texts = {
        "query": "Who completes code?",
        "reference_answer": "Codestral completes code",
        "generated_answer": "It is Codestral",
    }
    score, reason = said(sandbox, *filled(correctness.DEFAULT_EVAL_TEMPLATE, **texts)).split("\n")
    assert 1 < float(score) < 5
    assert "33%" in reason
    good, bad = "Codestral completes code", "Bananas"
    for first, second, verdict in (
        (good, bad, "[[A]]"),
        (bad, good, "[[B]]"),
        (good, good, "[[C]]"),
    ):
        pair = filled(
            pairwise.DEFAULT_EVAL_TEMPLATE,
            query="Who completes code?",
            reference="Codestral",
            answer_1=first,
            answer_2=second,
        )
        assert said(sandbox, *pair).endswith(verdict)


@pytest.mark.parametrize(
    "template",
    [condense_question.DEFAULT_TEMPLATE, condense_plus_context.DEFAULT_CONDENSE_PROMPT_TEMPLATE],
)
def test_follow_up_questions_stand_alone(sandbox, template):
    history = "user: Which model completes code?\nassistant: Codestral"
    asked = template.format(chat_history=history, question="What does it cost?")
    assert (
        said(sandbox, asked) == "What does it cost? (This follows on: Which model completes code?)"
    )
    whole = template.format(
        chat_history=history, question="Which model understands images and tools?"
    )
    assert said(sandbox, whole) == "Which model understands images and tools?"


def test_queries_and_sub_questions(sandbox):
    asked = QUERY_GEN_PROMPT.format(num_queries=3, query=TWO_QUESTIONS)
    assert said(sandbox, asked).splitlines()[0] == TWO_QUESTIONS
    assert len(said(sandbox, asked).splitlines()) == 3
    tools = json.dumps({"cats": "facts about cats", "prices": "prices of models"})
    text = PromptTemplate(DEFAULT_SUB_QUESTION_PROMPT_TMPL).format(
        tools_str=tools, query_str="Compare the prices"
    )
    fenced = said(sandbox, text)
    assert json.loads(fenced.removeprefix("```json").removesuffix("```")) == {
        "items": [{"sub_question": "Compare the prices", "tool_name": "prices"}]
    }


def test_summaries_titles_and_questions(sandbox):
    assert "Codestral is Mistral's model for code." in said(
        sandbox, *filled(prompts.DEFAULT_SUMMARY_PROMPT, context_str=PAGES)
    )
    assert said(sandbox, extractors.DEFAULT_TITLE_NODE_TEMPLATE.format(context_str=PAGES)).istitle()
    words = extractors.DEFAULT_KEYWORD_EXTRACT_TEMPLATE.format(context_str=PAGES, keywords=3)
    assert len(said(sandbox, words).split(", ")) == 3
    questions = extractors.DEFAULT_QUESTION_GEN_TMPL.format(context_str=PAGES, num_questions=2)
    assert [line[:2] for line in said(sandbox, questions).splitlines()] == ["1.", "2."]


def test_triplets_and_sql(sandbox):
    asked = filled(
        prompts.DEFAULT_KG_TRIPLET_EXTRACT_PROMPT,
        max_knowledge_triplets=5,
        text="Mistral makes Codestral. Codestral is a model.",
    )
    assert said(sandbox, *asked) == "(Mistral, makes, Codestral)\n(Codestral, is, a model)"
    asked = filled(
        prompts.DEFAULT_TEXT_TO_SQL_PROMPT,
        dialect="sqlite",
        schema="Table 'cats' has columns: name (TEXT)",
        query_str="How many cats are there?",
    )
    assert said(sandbox, *asked) == "SELECT COUNT(*) FROM cats LIMIT 10"
