"""What scenes of several frameworks share: questions, texts, tools, and the class of an object."""

from __future__ import annotations

from pydantic import BaseModel, Field

from portkey_mistral import models

__all__ = [
    "AGENT_QUESTION",
    "CODE_AFTER",
    "CODE_BEFORE",
    "CORPUS_QUESTION",
    "FACTS",
    "REPORT_PAGES",
    "REPORT_QUESTION",
    "STREAM_QUESTION",
    "Card",
    "price",
    "window",
]

CORPUS_QUESTION = "Which model completes code, and what does it cost?"
AGENT_QUESTION = "What are the window and the price of `codestral-latest`?"
STREAM_QUESTION = (
    "When was Mistral Small 4 released, how large is its window, and what does it cost?"
)
REPORT_QUESTION = "What did the new oven cost?"

FACTS = (
    "Codestral is generally available. It has a context window of 131072 tokens and costs 0.3 USD "
    "for a million input tokens and 0.9 USD for a million output tokens."
)
CODE_BEFORE = "def fibonacci(n: int) -> int:\n    "
CODE_AFTER = "\n\nprint(fibonacci(10))\n"
REPORT_PAGES = (
    (
        "Annual report of the bakery",
        "The bakery sold more bread than in any year before.",
        "| product | sold |",
        "| --- | --- |",
        "| bread | 41,200 |",
        "| croissants | 18,650 |",
    ),
    (
        "Investments",
        "The new oven cost 18,400 euros and was paid in May.",
        "A second delivery van is planned for next year.",
    ),
)


class Card(BaseModel):
    """Facts about a model."""

    name: str
    context_window: int = Field(description="in tokens")
    input_price: float = Field(description="USD per million input tokens")
    output_price: float = Field(description="USD per million output tokens")


def window(model: str) -> str:
    """Return the context window of a model, in tokens."""
    return f"{models.context_window(model):,} tokens"


def price(model: str) -> str:
    """Return the price of a model, in USD per million tokens."""
    found = models.find(model)
    if found is None or found.price is None:
        return f"no price is known for {model}"
    return f"${found.price.input:.2f} for input, ${found.price.output:.2f} for output"
