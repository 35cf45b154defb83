"""Answers in the formats that frameworks parse: keywords, choices, relevance, verdicts, rewritten questions.

Each format is recognised by a phrase in the prompt. The table at the end is the order of the checks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from pydantic_core import from_json, to_json

from portkey_mistral.sandbox.brain.conversation import Conversation
from portkey_mistral.sandbox.brain.ranking import overlap
from portkey_mistral.sandbox.brain.words import prose, sentences, split_name, stem, stems

__all__ = ["answer_framework_prompt", "restate_choices"]

_WORD = re.compile(r"[^\W\d_][\w-]+")
_FENCED = re.compile(r"-{5,}\n?(.*?)\n?-{5,}", re.DOTALL)
_OPTION = re.compile(r"^\s*\((\d+)\)\s+(.*?)(?=^\s*\(\d+\)\s|^-{5,}|\Z)", re.DOTALL | re.MULTILINE)
_RELEVANT_TO = re.compile(r"most relevant to the question:\s*'(.*)'", re.DOTALL)
_DOCUMENT = re.compile(
    r"^Document (\d+):\s*\n(.*?)(?=^Document \d+:|^Question:|\Z)", re.DOTALL | re.MULTILINE
)
# LangChain's LLMListwiseRerank.
_DOCUMENT_ID = re.compile(r"^Document ID: (\d+)\n```(.*?)```", re.DOTALL | re.MULTILINE)
_TRY_NOW = re.compile(r"Let's try this now:")
_COUNT = re.compile(r"\b(?:up to|generate|give|no more than|top)\s+(\d+)", re.IGNORECASE)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|that|this|those|these|he|she|his|her|there|one)\b", re.IGNORECASE
)
_STATEMENT = re.compile(
    r"(?:The |A |An )?(.{1,200}?) ((?:is|are|was|were|has|have|[a-z]+s)\b(?: (?:in|of|by|for|at))?) (.+?)[.!?]?$"
)
_ENOUGH_OVERLAP = 0.6
_RELEVANT = 0.2
_KEYWORDS = 10


def answer_framework_prompt(conversation: Conversation) -> str | None:
    """Answer in the format that a known prompt of a framework asks for; None for other prompts."""
    text = (
        f"{conversation.system}\n{conversation.user_text}"
        if conversation.system
        else conversation.user_text
    )
    for phrase, writer in _FORMATS:
        if phrase.search(text):
            return writer(text)
    return None


def restate_choices(conversation: Conversation) -> str | None:
    """Answer a choice among options or documents in plain words, from which a schema is then filled."""
    text = conversation.user_text
    if by_id := _DOCUMENT_ID.findall(conversation.system):
        nearest_first = sorted(by_id, key=lambda each: -overlap(text, each[1]))
        return f"ranked document ids: {', '.join(number for number, _ in nearest_first)}"
    if options := _options(text):
        number, option = _chosen(options, _asked(text))
        return f"index is {number}. choice is {number}. reason: {_line(option)}"
    if documents := _documents(text):
        ranked = _ranked(documents, _asked(text)) or [(documents[0][0], 1)]
        return "\n".join(f"document_number is {n}, relevance is {score}" for n, score in ranked)
    return None


def _keywords(text: str) -> str:
    return f"KEYWORDS: {', '.join(_frequent(_fenced(text), _asked_count(text)))}"


def _bare_keywords(text: str) -> str:
    return ", ".join(_frequent(re.split(r"\. Give \d+", text)[0], _asked_count(text)))


def _answer_number(text: str) -> str:
    number, option = _chosen(_options(text), _asked(text))
    return f"ANSWER: {number}\nIts words are nearest to the question: {_line(option)}"


def _choices(text: str) -> str:
    number, option = _chosen(_options(text), _asked(text))
    reason = f"Its words are nearest to the question: {_line(option)}"
    return to_json([{"choice": int(number), "reason": reason}]).decode()


def _relevance(text: str) -> str:
    ranked = _ranked(_documents(text), _asked(text))
    return "\n".join(f"Doc: {number}, Relevance: {score}" for number, score in ranked)


def _verdict(text: str) -> str:
    claim = re.findall(
        r"(?:Information|Query and Response|Response):\s*(.*?)(?=\n\s*Context:)", text, re.DOTALL
    )
    context = re.split(r"\n\s*Context:", text)[-1]
    said = claim[-1].rpartition("Response:")[2] if claim else ""
    supported = overlap(said, context) >= _ENOUGH_OVERLAP
    return "YES" if supported else "NO"


def _score(text: str) -> str:
    generated = _section(text, "Generated Answer")
    expected = _section(text, "Reference Answer") or _section(text, "User Query")
    shared = overlap(expected, generated)
    return (
        f"{1 + round(8 * shared) / 2}\nThe answer holds {shared:.0%} of the words of the reference."
    )


def _pairwise(text: str) -> str:
    answers = re.findall(
        r"\[The Start of Assistant [AB].s Answer\]\n(.*?)\n\[The End", text, re.DOTALL
    )
    asked = re.search(r"\[User Question\]\n(.*?)\n\n\[The Start of Assistant", text, re.DOTALL)
    if len(answers) < 2 or not asked:
        return "The two answers cannot be told apart. [[C]]"
    first, second = (overlap(asked.group(1), answer) for answer in answers[:2])
    verdict = "[[C]]" if first == second else "[[A]]" if first > second else "[[B]]"
    return f"Judged by the words shared with question and reference. {verdict}"


def _standalone(text: str) -> str:
    question = _follow_up(text)
    history = re.search(
        r"(?:<Chat History>|Chat History:)\s*(.*?)\n\s*(?:<Follow Up|Follow Up)", text, re.DOTALL
    )
    asked = (
        re.findall(r"^\s*user:\s*(.+)$", history.group(1), re.MULTILINE | re.IGNORECASE)
        if history
        else []
    )
    if not asked or not (_REFERS_BACK.search(question) or len(stems(question)) < 3):
        return question
    return f"{question} (This follows on: {asked[-1].strip()})"


def _follow_up(text: str) -> str:
    found = re.findall(
        r"(?:<Follow Up Message>|Follow Up Input:)\s*(.*?)\s*\n\s*(?:<Standalone|Standalone)",
        text,
        re.DOTALL,
    )
    return found[-1].strip() if found else text.strip()


def _queries(text: str) -> str:
    asked = re.findall(r"^Query:\s*(.+)$", text, re.MULTILINE)
    query = asked[-1].strip() if asked else text.strip()
    topic = " ".join(_frequent(query, _KEYWORDS))
    variants = (
        query,
        topic,
        f"facts about {topic}",
        f"explanation of {topic}",
        f"{topic} details",
        f"{topic} overview",
    )
    return "\n".join(variants[: _asked_count(text)])


def _summary(text: str) -> str:
    body = re.sub(
        r"^.*?key details as possible\.|SUMMARY:.*\Z|Summarize the key topics.*\Z",
        "",
        text,
        flags=re.DOTALL,
    )
    body = re.sub(r"^Here is the content of the section:", "", body.strip()).strip()
    firsts = [found[0] for part in re.split(r"\n\s*\n", prose(body)) if (found := sentences(part))]
    return " ".join(firsts[:3])


def _title(text: str) -> str:
    body = re.sub(
        r"^Context:|\. (?:Give a title|Based on the above).*\Z", "", text.strip(), flags=re.DOTALL
    )
    return " ".join(word.capitalize() for word in _frequent(body, 4))


def _questions(text: str) -> str:
    body = re.split(r"\n\s*Given the contextual information", text)[0]
    topics = _frequent(body, _asked_count(text))
    return "\n".join(
        f"{number}. What does the text say about {topic}?" for number, topic in enumerate(topics, 1)
    )


def _sub_questions(text: str) -> str:
    tools = _last_object(re.findall(r"<Tools>\s*```json\s*(\{.*?\})\s*```", text, re.DOTALL))
    asked = re.findall(r"<User Question>\s*(.*?)\s*(?=<Output>|\Z)", text, re.DOTALL)
    question = asked[-1].strip() if asked else text
    fitting = [
        name for name, about in tools.items() if overlap(question, f"{split_name(name)} {about}")
    ]
    items = [{"sub_question": question, "tool_name": name} for name in fitting or [*tools][:1]]
    return f"```json\n{to_json({'items': items}, indent=4).decode()}\n```"


def _triplets(text: str) -> str:
    body = re.findall(r"^Text:\s*(.*?)\s*^Triplets:", text, re.DOTALL | re.MULTILINE)
    found = (
        f"({', '.join(part.replace(',', '') for part in parts)})"
        for parts in _statements(body[-1] if body else text)
    )
    return "\n".join(islice(found, _asked_count(text)))


def _typed_triplets(text: str) -> str:
    """Answer LlamaIndex's DynamicLLMPathExtractor."""
    body = re.findall(r"^Text:\s*(.*?)\s*^Output:", text, re.DOTALL | re.MULTILINE)
    entity_types = _allowed(text, "Entity Types")
    with_properties = "head_props" in text
    found: list[dict[str, Any]] = []
    for head, relation, tail in islice(_statements(body[-1] if body else text), _asked_count(text)):
        triplet: dict[str, Any] = {
            "head": head,
            "head_type": _entity_type(head, entity_types),
            "relation": relation.upper().replace(" ", "_"),
            "tail": tail,
            "tail_type": _entity_type(tail, entity_types),
        }
        if with_properties:
            triplet |= {"head_props": {}, "relation_props": {}, "tail_props": {}}
        found.append(triplet)
    return to_json(found).decode()


def _allowed(text: str, label: str) -> Sequence[str]:
    found = re.search(rf"^{label}: (.+)$", text, re.MULTILINE)
    names = re.findall(r"[A-Za-z_]+", found.group(1)) if found else []
    return [] if names[:1] == ["No"] else names  # "No entity types provided."


def _entity_type(entity: str, allowed: Sequence[str]) -> str:
    """Return the type that shares a word with the entity, else the first one."""
    words = set(stems(entity))
    return next(
        (each for each in allowed if words & set(stems(split_name(each)))), (*allowed, "ENTITY")[0]
    )


def _statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield subject, predicate and object of simple sentences."""
    for sentence in sentences(text):
        parts = _STATEMENT.match(sentence)
        if parts:
            yield parts[1], parts[2], parts[3]


def _sql(text: str) -> str:
    table = re.search(r"Table '([^']+)'|table named: '([^']+)'", text)
    name = next(filter(None, table.groups())) if table else "sqlite_master"
    question = (re.findall(r"^Question:\s*(.+)$", text, re.MULTILINE) or [text])[-1]
    what = "COUNT(*)" if re.search(r"\bhow many\b", question, re.IGNORECASE) else "*"
    return f"SELECT {what} FROM {name} LIMIT 10"


def _description(text: str) -> str:
    return _summary(_fenced(text))


def _sql_result(text: str) -> str:
    found = re.findall(r"^SQL Response:\s*(.*?)\s*^Response:", text, re.DOTALL | re.MULTILINE)
    return f"The database answers: {_line(found[-1]) if found else 'nothing'}"


# Helpers of several formats


def _last_object(texts: Sequence[str]) -> dict[str, Any]:
    try:
        value = from_json(texts[-1]) if texts else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _fenced(text: str) -> str:
    found = _FENCED.search(text)
    return found.group(1) if found else text


def _asked_count(text: str) -> int:
    found = _COUNT.search(text)
    return int(found.group(1)) if found else _KEYWORDS


def _asked(text: str) -> str:
    found = _RELEVANT_TO.findall(text) or re.findall(r"^Question:\s*(.+)$", text, re.MULTILINE)
    return str(found[-1]) if found else text


def _frequent(text: str, most: int) -> Sequence[str]:
    """Return the most frequent words, one per stem; ties keep the order of the text."""
    spelled: dict[str, str] = {}
    for word in _WORD.findall(text):
        if stems(word):
            spelled.setdefault(stem(word), word.lower())
    counts = Counter(stems(text))
    ranked = sorted(spelled, key=lambda each: -counts[each])
    return [spelled[each] for each in ranked[:most]]


def _options(text: str) -> Sequence[tuple[str, str]]:
    return _OPTION.findall(_fenced(text)) if _RELEVANT_TO.search(text) else ()


def _chosen(options: Sequence[tuple[str, str]], question: str) -> tuple[str, str]:
    if not options:
        return "1", ""
    return max(options, key=lambda option: (overlap(question, option[1]), -int(option[0])))


def _documents(text: str) -> Sequence[tuple[str, str]]:
    return _DOCUMENT.findall(_TRY_NOW.split(text)[-1]) if _TRY_NOW.search(text) else ()


def _ranked(documents: Sequence[tuple[str, str]], question: str) -> Sequence[tuple[str, int]]:
    scores = [(number, overlap(question, body)) for number, body in documents]
    kept = sorted((each for each in scores if each[1] >= _RELEVANT), key=lambda each: -each[1])
    return [(number, max(1, round(10 * score))) for number, score in kept]


def _line(text: str) -> str:
    return " ".join(text.split())


def _section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found.group(1).strip() if found else ""


_FORMATS: Sequence[tuple[re.Pattern[str], Callable[[str], str]]] = [
    (re.compile(phrase), writer)
    for phrase, writer in (
        (r"'KEYWORDS: <keywords>'", _keywords),
        (r"'ANSWER: <numbers?>'", _answer_number),
        (r"Doc: 9, Relevance: 7", _relevance),
        (r"the choices above and not prior knowledge", _choices),
        (r"YES or NO|[Ee]ither YES/\s*NO", _verdict),
        (r"in a line with only the score", _score),
        (r"'\[\[A\]\]' if assistant A is better", _pairwise),
        (r"(?:<Standalone question>|Standalone question:)", _standalone),
        (r"search queries, one on each line", _queries),
        (r"list of relevant sub-questions", _sub_questions),
        (r"in the form of \(head, relation, tail\)", _typed_triplets),
        (r"\(subject, predicate, object\)|\(entity1, relation, entity2\)", _triplets),
        (r"SQLQuery:\s*\Z", _sql),
        (r"synthesize a response from the query results", _sql_result),
        (r"Describe what the provided text is about", _description),
        (r"Title:\s*\Z", _title),
        (r"Keywords:\s*\Z", _bare_keywords),
        (r"questions this context can provide", _questions),
        (r"SUMMARY:\"\"\"\s*\Z|Summarize the key topics", _summary),
    )
]
