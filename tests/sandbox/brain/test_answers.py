"""Answers in words: from a context, from earlier messages, and in the formats that frameworks parse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.chat_engine import condense_plus_context, condense_question
from llama_index.core.evaluation import correctness, faithfulness, pairwise
from llama_index.core.extractors import metadata_extractors as extractors
from llama_index.core.indices.property_graph.transformations import dynamic_llm
from llama_index.core.prompts import PromptTemplate, chat_prompts
from llama_index.core.prompts import default_prompts as prompts
from llama_index.core.question_gen.prompts import DEFAULT_SUB_QUESTION_PROMPT_TMPL
from llama_index.core.retrievers.fusion_retriever import QUERY_GEN_PROMPT
from llama_index.core.selectors import prompts as selectors

from mistral_calls import answer_text, assistant, called, tool, user
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


def contexts(question, pages=PAGES):
    """The same question in the prompts of both frameworks."""
    yield "text_qa", filled(prompts.DEFAULT_TEXT_QA_PROMPT, context_str=pages, query_str=question)
    yield (
        "chat_text_qa",
        filled(chat_prompts.CHAT_TEXT_QA_PROMPT, context_str=pages, query_str=question),
    )
    yield (
        "tree_summarize",
        filled(chat_prompts.CHAT_TREE_SUMMARIZE_PROMPT, context_str=pages, query_str=question),
    )
    yield (
        "refine",
        filled(
            chat_prompts.CHAT_REFINE_PROMPT,
            context_msg=pages,
            query_str=question,
            existing_answer=MISSING,
        ),
    )
    yield (
        "old_refine",
        filled(
            prompts.DEFAULT_REFINE_PROMPT,
            context_msg=pages,
            query_str=question,
            existing_answer=MISSING,
        ),
    )
    plus = condense_plus_context.DEFAULT_CONTEXT_PROMPT_TEMPLATE.format(context_str=pages)
    yield "condense_plus", [system(plus), user(question)]
    yield "tags", [system(f"Use these.\n\n<context>\n{pages}</context>"), user(question)]
    yield "colon", [system(f"Answer using only this context:\n{pages}"), user(question)]
    yield (
        "unmarked",
        [
            system(f"Answer from the retrieved documents below, in a few words.\n\n{pages}"),
            user(question),
        ],
    )
    yield "labels", [user(f"Use the context.\nQuestion: {question} \nContext: {pages} \nAnswer:")]
    yield "question_last", [user(f"Context:\n{pages}\nQuestion: {question}\nHelpful Answer:")]


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
    answer = answer_text(sandbox, *dict(contexts(question))[name])
    assert all(part in answer for part in held), answer
    assert not any(part in answer for part in absent), answer


UNTIDY = """Operations
----------

The service restarts itself whenever the health
check fails three times in a row, and then
sends a page to the engineer on call.

```yaml
timeout: 30
retries: 3  # attempts: counted per target
# The queue keeps messages for ninety minutes.
```

Question: Who owns the deployment?
Answer: The platform team in Lyon owns the deployment.

See https://wiki.example/runbook?page=7&x=1.2 for the
runbook of the database. note: backups run at 04:15 every night.

=====

The archive is deleted after 400 days.
"""
UNTIDY_QUESTIONS = [
    (
        "When does the service restart itself?",
        "whenever the health check fails three times in a row",
    ),
    ("What is the timeout?", "timeout: 30"),
    ("How long does the queue keep messages?", "ninety minutes"),
    ("Who owns the deployment?", "platform team in Lyon"),
    ("Where is the runbook of the database?", "https://wiki.example/runbook?page=7&x=1.2"),
    ("When do backups run?", "04:15"),
    ("When is the archive deleted?", "400 days"),
]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "labels"])
@pytest.mark.parametrize(
    ("question", "held"), UNTIDY_QUESTIONS, ids=[q for q, _ in UNTIDY_QUESTIONS]
)
def test_a_context_with_headings_wrapped_lines_code_and_urls_is_read_whole(
    sandbox, name, question, held
):
    assert held in answer_text(sandbox, *dict(contexts(question, UNTIDY))[name])


def test_the_number_of_a_source_is_found_for_a_wrapped_sentence(sandbox):
    context = "Source 1:\nNothing of use.\n\nSource 2:\nThe bridge over the river was closed\nfor repairs in the spring of 1987.\n"
    answer = answer_text(sandbox, f"Context:\n{context}\nQuestion: When was the bridge closed?")
    assert answer == "The bridge over the river was closed for repairs in the spring of 1987. [2]"


def test_what_the_context_does_not_say(sandbox):
    messages = filled(
        prompts.DEFAULT_TEXT_QA_PROMPT, context_str="Cats sleep.", query_str=TWO_QUESTIONS
    )
    assert answer_text(sandbox, *messages) == MISSING


@pytest.mark.parametrize(
    "template", [chat_prompts.CHAT_REFINE_PROMPT, prompts.DEFAULT_REFINE_PROMPT]
)
def test_refining_keeps_a_good_answer_and_adds_what_is_new(sandbox, template):
    keep = {"query_str": TWO_QUESTIONS, "existing_answer": "Codestral completes code."}
    assert (
        answer_text(sandbox, *filled(template, context_msg="Cats sleep.", **keep))
        == "Codestral completes code."
    )
    better = answer_text(
        sandbox,
        *filled(template, context_msg="Codestral completes code and its cost is 0.30 USD.", **keep),
    )
    assert better == "Codestral completes code. Codestral completes code and its cost is 0.30 USD."


def test_sources_are_cited(sandbox):
    text = "Cite the sources.\n------\nSource 1:\nCats sleep.\n\nSource 2:\nCodestral completes code.\n------\nQuery: Which model completes code?\nAnswer: "
    assert answer_text(sandbox, text) == "Codestral completes code. [2]"


def test_earlier_messages_are_used(sandbox):
    talk = [user("My name is Bob and I like tea."), assistant("Hello"), user("What is my name?")]
    assert answer_text(sandbox, *talk) == "You told me: My name is Bob and I like tea."


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Say exactly: Grüße, 世界 👋", "Grüße, 世界 👋"), ('Repeat this: "a  b"', "a  b"), ("What is 3 + 4", "3 + 4 = 7"),
     ("Compute 7 / 2", "7 / 2 = 3.5"), ("What is 1 / 0?", "1 cannot be divided by zero.")],
)  # fmt: skip
def test_small_favours(sandbox, text, answer):
    assert answer_text(sandbox, text) == answer


def test_it_describes_itself_when_nothing_else_applies(sandbox):
    answer = answer_text(sandbox, "Write me 2 haikus.", model="codestral-latest")
    assert answer.startswith(
        "I am the sandbox of portkey-mistral, an offline stand-in for codestral-latest"
    )
    assert answer.endswith("You said: Write me 2 haikus.")


def test_keywords(sandbox):
    filled_prompt = filled(
        prompts.DEFAULT_QUERY_KEYWORD_EXTRACT_TEMPLATE, question=TWO_QUESTIONS, max_keywords=3
    )
    assert answer_text(sandbox, *filled_prompt) == "KEYWORDS: model, completes, code"
    filled_prompt = filled(prompts.DEFAULT_KEYWORD_EXTRACT_TEMPLATE, text=PAGES, max_keywords=5)
    assert len(answer_text(sandbox, *filled_prompt).removeprefix("KEYWORDS: ").split(", ")) == 5


CHOICES = {
    "num_choices": 2,
    "context_list": "(1) Facts about cats\n\n(2) Prices of models",
    "query_str": "What are the prices?",
}


def test_choices(sandbox):
    [choice] = json.loads(
        answer_text(sandbox, *filled(selectors.DEFAULT_SINGLE_SELECT_PROMPT, **CHOICES))
    )
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
    filled_prompt = filled(
        prompts.DEFAULT_CHOICE_SELECT_PROMPT, context_str=documents, query_str=TWO_QUESTIONS
    )
    assert answer_text(sandbox, *filled_prompt) == "Doc: 2, Relevance: 8"


@pytest.mark.parametrize(
    ("claim", "verdict"), [("Codestral completes code.", "YES"), ("Cats fly to the moon.", "NO")]
)
def test_faithfulness(sandbox, claim, verdict):
    filled_prompt = filled(faithfulness.DEFAULT_EVAL_TEMPLATE, query_str=claim, context_str=PAGES)
    assert answer_text(sandbox, *filled_prompt) == verdict


def test_scores_and_pairs(sandbox):
    texts = {
        "query": "Who completes code?",
        "reference_answer": "Codestral completes code",
        "generated_answer": "It is Codestral",
    }
    score, reason = answer_text(sandbox, *filled(correctness.DEFAULT_EVAL_TEMPLATE, **texts)).split(
        "\n"
    )
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
        assert answer_text(sandbox, *pair).endswith(verdict)


@pytest.mark.parametrize(
    "template",
    [condense_question.DEFAULT_TEMPLATE, condense_plus_context.DEFAULT_CONDENSE_PROMPT_TEMPLATE],
)
def test_follow_up_questions_stand_alone(sandbox, template):
    history = "user: Which model completes code?\nassistant: Codestral"
    filled_prompt = template.format(chat_history=history, question="What does it cost?")
    assert (
        answer_text(sandbox, filled_prompt)
        == "What does it cost? (This follows on: Which model completes code?)"
    )
    whole = template.format(
        chat_history=history, question="Which model understands images and tools?"
    )
    assert answer_text(sandbox, whole) == "Which model understands images and tools?"


def test_queries_and_sub_questions(sandbox):
    filled_prompt = QUERY_GEN_PROMPT.format(num_queries=3, query=TWO_QUESTIONS)
    assert answer_text(sandbox, filled_prompt).splitlines()[0] == TWO_QUESTIONS
    assert len(answer_text(sandbox, filled_prompt).splitlines()) == 3
    tools = json.dumps({"cats": "facts about cats", "prices": "prices of models"})
    text = PromptTemplate(DEFAULT_SUB_QUESTION_PROMPT_TMPL).format(
        tools_str=tools, query_str="Compare the prices"
    )
    fenced = answer_text(sandbox, text)
    assert json.loads(fenced.removeprefix("```json").removesuffix("```")) == {
        "items": [{"sub_question": "Compare the prices", "tool_name": "prices"}]
    }


def test_summaries_titles_and_questions(sandbox):
    assert "Codestral is Mistral's model for code." in answer_text(
        sandbox, *filled(prompts.DEFAULT_SUMMARY_PROMPT, context_str=PAGES)
    )
    assert answer_text(
        sandbox, extractors.DEFAULT_TITLE_NODE_TEMPLATE.format(context_str=PAGES)
    ).istitle()
    words = extractors.DEFAULT_KEYWORD_EXTRACT_TEMPLATE.format(context_str=PAGES, keywords=3)
    assert len(answer_text(sandbox, words).split(", ")) == 3
    questions = extractors.DEFAULT_QUESTION_GEN_TMPL.format(context_str=PAGES, num_questions=2)
    assert [line[:2] for line in answer_text(sandbox, questions).splitlines()] == ["1.", "2."]


def test_triplets_and_sql(sandbox):
    filled_prompt = filled(
        prompts.DEFAULT_KG_TRIPLET_EXTRACT_PROMPT,
        max_knowledge_triplets=5,
        text="Mistral makes Codestral. Codestral is a model.",
    )
    assert (
        answer_text(sandbox, *filled_prompt)
        == "(Mistral, makes, Codestral)\n(Codestral, is, a model)"
    )
    filled_prompt = filled(
        prompts.DEFAULT_TEXT_TO_SQL_PROMPT,
        dialect="sqlite",
        schema="Table 'cats' has columns: name (TEXT)",
        query_str="How many cats are there?",
    )
    assert answer_text(sandbox, *filled_prompt) == "SELECT COUNT(*) FROM cats LIMIT 10"


RERANK = "Document ID: 0\n```Cats sleep a lot.```\n\nDocument ID: 1\n```The bridge was built in 1987.```\n\nDocument ID: 2\n```The bridge is closed.```\n\n\n\nSort the Documents by their relevance to the Query."
RANKING = {
    "type": "object",
    "properties": {"ranked_document_ids": {"type": "array", "items": {"type": "integer"}}},
    "required": ["ranked_document_ids"],
}


def test_a_listwise_ranking_is_a_permutation_with_the_nearest_first(sandbox):
    """The prompt of LangChain's LLMListwiseRerank."""
    filled_prompt = [system(RERANK), user("When was the bridge built?")]
    wanted = {"type": "json_schema", "json_schema": {"name": "RankDocuments", "schema": RANKING}}
    assert json.loads(answer_text(sandbox, *filled_prompt, response_format=wanted)) == {
        "ranked_document_ids": [1, 2, 0]
    }
    ranker = tool("RankDocuments", "Rank the documents.", **RANKING["properties"])
    [(name, arguments)] = called(sandbox, *filled_prompt, tools=[ranker], tool_choice="any")
    assert (name, arguments) == ("RankDocuments", {"ranked_document_ids": [1, 2, 0]})


@pytest.mark.parametrize("with_properties", [False, True])
def test_triplets_of_a_dynamic_extractor(sandbox, with_properties):
    template, parse = (
        (
            prompts.DEFAULT_DYNAMIC_EXTRACT_PROPS_PROMPT,
            dynamic_llm.default_parse_dynamic_triplets_with_props,
        )
        if with_properties
        else (prompts.DEFAULT_DYNAMIC_EXTRACT_PROMPT, dynamic_llm.default_parse_dynamic_triplets)
    )
    filled_prompt = filled(
        template,
        max_knowledge_triplets=5,
        text="Lyon is in France. The mayor lives in Lyon. Nothing else.",
        allowed_entity_types="No entity types provided, You are free to define them.",
        allowed_entity_properties="-",
        allowed_relation_types="-",
        allowed_relation_properties="-",
    )
    found = [
        (head.name, relation.label, tail.name)
        for head, relation, tail in parse(answer_text(sandbox, *filled_prompt))
    ]
    assert found == [("Lyon", "IS_IN", "France"), ("mayor", "LIVES_IN", "Lyon")]


MARKS = st.sampled_from(
    ["'KEYWORDS: <keywords>'", "'ANSWER: <number>'", "Doc: 9, Relevance: 7", "the choices above and not prior knowledge",
     "YES or NO", "in a line with only the score", "'[[A]]' if assistant A is better", "<Standalone question>",
     "search queries, one on each line", "list of relevant sub-questions", "(subject, predicate, object)",
     "in the form of (head, relation, tail)", "SQLQuery:", "synthesize a response from the query results",
     "Describe what the provided text is about", "Title:", "Keywords:", "questions this context can provide",
     "Summarize the key topics", "Let's try this now:", "most relevant to the question: 'x'", "<Tools>\n```json\n{\n```",
     "Action Input: x Observation:", "> Tool Name: a\nTool Description: b\nTool Args: {x}", "-----", "Context:\n", "Question:",
     "(1) a", "Document 1:\n", "Document ID: 0\n```", "Text: ", "Output:", "Give 999999999999 of", "generate 0", "{", "}", "```"]
)  # fmt: skip


@given(st.lists(MARKS | st.text(max_size=10), max_size=6).map("\n".join), st.booleans())
def test_no_prompt_is_too_odd_for_an_answer(text, as_system):
    messages = [system(text), user("Hi")] if as_system else [user(text)]
    assert isinstance(answer_text(Sandbox(), *messages), str)
    assert isinstance(
        answer_text(Sandbox(), *messages, response_format={"type": "json_object"}), str
    )


SEARCH_RESULTS = {
    "0": {"title": "Large", "snippets": [["Mistral Large understands images."]]},
    "1": {"title": "Codestral", "snippets": [["# Codestral\nCodestral completes code."]]},
}


def after_search(result: str) -> list:
    made = {"id": "abcdefghi", "function": {"name": "search", "arguments": "{}"}}
    answered = {"role": "tool", "content": result, "tool_call_id": "abcdefghi", "name": "search"}
    return [user("Which model completes code?"), assistant("", made), answered]


def test_sentences_of_search_results_are_cited(sandbox):
    content = answer_text(sandbox, *after_search(json.dumps(SEARCH_RESULTS)))
    assert content == [
        {"type": "text", "text": "Codestral completes code."},
        {"type": "reference", "reference_ids": [1]},
    ]


def test_a_citing_answer_keeps_the_thoughts_before_it(sandbox):
    turns = after_search(json.dumps(SEARCH_RESULTS))
    content = answer_text(sandbox, *turns, model="mistral-medium-3-5", reasoning_effort="high")
    assert [chunk["type"] for chunk in content] == ["thinking", "text", "reference"]


@pytest.mark.parametrize(
    "result",
    ['{"0": {"title": "x"}}', '{"a": {"snippets": []}}', '{"0": {"snippets": []}}', "{}", "[", "7"],
)
def test_other_results_are_not_cited(sandbox, result):
    assert isinstance(answer_text(sandbox, *after_search(result)), str)
