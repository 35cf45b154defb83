"""Each call has one event, one token record and one permit; none of them contains a key."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from llama_index.core.callbacks import (
    CallbackManager,
    CBEventType,
    LlamaDebugHandler,
    TokenCountingHandler,
)
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from portkey_mistral.sandbox import Fault

METHODS = (
    "chat",
    "achat",
    "stream_chat",
    "astream_chat",
    "complete",
    "acomplete",
    "stream_complete",
    "astream_complete",
)
FIM = (
    "fill_in_middle",
    "afill_in_middle",
    "stream_fill_in_middle",
    "astream_fill_in_middle",
)
CODE = "codestral-latest"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


class Word(BaseModel):
    word: str


class Permits(BaseRateLimiter):
    def __init__(self) -> None:
        self.given = 0

    def acquire(self, num_tokens: int = 0) -> None:
        self.given += 1

    async def async_acquire(self, num_tokens: int = 0) -> None:
        self.given += 1


class Recorder(BaseEventHandler):
    events: list[Any] = []  # noqa: RUF012 - a pydantic field: each handler has its own

    @classmethod
    def class_name(cls) -> str:
        return "Recorder"

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.events.append(event)

    def counts(self) -> Counter[str]:
        return Counter(type(event).__name__ for event in self.events)


class Spans(SimpleSpanHandler):
    seen: list[str] = []  # noqa: RUF012 - as above

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(f"{id_} {bound_args!r}")
        return super().new_span(id_, bound_args, *args, **kwargs)


@pytest.fixture
def recorder():
    root = get_dispatcher()
    handler, spans = Recorder(), Spans()
    root.add_event_handler(handler)
    root.add_span_handler(spans)
    yield handler, spans
    root.event_handlers.remove(handler)
    root.span_handlers.remove(spans)


@pytest.mark.parametrize("method", [*METHODS, *FIM])
async def test_a_call_counts_once_and_exactly(make_llm, mistral_sandbox, ask, recorder, method):
    counter = TokenCountingHandler(tokenizer=lambda text: ["a tokenizer was used"] * 1000)
    debug = LlamaDebugHandler(print_trace_on_end=False)
    permits = Permits()
    model = CODE if method in FIM else "mistral-small-latest"
    llm = make_llm(
        model=model, callback_manager=CallbackManager([counter, debug]), rate_limiter=permits
    )
    mistral_sandbox.reply("one two three")
    mistral_sandbox.inject(Fault(usage="alone"))

    items = await ask(llm, method, "Count.")

    served = items[-1].raw["usage"]
    (record,) = counter.llm_token_counts
    assert record.prompt_token_count == served["prompt_tokens"]
    assert record.completion_token_count == served["completion_tokens"]
    assert len(debug.get_llm_inputs_outputs()) == 1
    assert permits.given == 1
    counts = recorder[0].counts()
    kind = "LLMChat" if "chat" in method else "LLMCompletion"
    assert (counts[f"{kind}StartEvent"], counts[f"{kind}EndEvent"]) == (1, 1)
    assert sum(n for name, n in counts.items() if name.endswith("StartEvent")) == 1
    assert [span.split("-")[0] for span in recorder[1].seen] == [f"PortkeyMistral.{method}"]


@pytest.mark.parametrize("method", ["chat", "achat"])
async def test_an_error_ends_the_event(make_llm, mistral_sandbox, ask, method):
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = make_llm(callback_manager=CallbackManager([debug]), max_retries=0)
    mistral_sandbox.fail(500)
    with pytest.raises(Exception, match="500"):
        await ask(llm, method, "Hi")
    assert len(debug.get_event_pairs(CBEventType.LLM)) == 1


async def test_embedding_counts_once(make_embedding, recorder):
    permits = Permits()
    embedding = make_embedding(rate_limiter=permits)
    embedding.get_text_embedding_batch(["a", "b"])
    await embedding.aget_text_embedding_batch(["a", "b"])
    embedding.get_query_embedding("a")
    assert recorder[0].counts() == {"EmbeddingStartEvent": 3, "EmbeddingEndEvent": 3}
    assert permits.given == 3


KEYS = (
    "sk-the-key-that-nobody-may-see",
    "sk-one-for-a-call-only",
    "a-token-in-a-header-of-the-call",
    "a-token-in-its-other-name",
)


async def test_no_event_and_no_span_contains_a_key(
    make_llm, make_embedding, mistral_sandbox, mistral_sandbox_url, ask, recorder
):
    events, spans = recorder
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = make_llm(callback_manager=CallbackManager([debug]))
    target = {"provider": "mistral-ai", "api_key": KEYS[1], "custom_host": mistral_sandbox_url}
    config = {"strategy": {"mode": "fallback"}, "targets": [target]}
    options = {
        "portkey_config": config,
        "headers": {"x-token": KEYS[2]},
        "extra_headers": {"x-other": KEYS[3]},
        "forward_headers": ["x-token", "x-other"],
    }

    for method in (*METHODS, *FIM):
        await ask(llm, method, "Hi", **options, **({"model": CODE} if method in FIM else {}))
        sent = mistral_sandbox.requests[-1].headers
        assert (sent["x-token"], sent["x-other"]) == KEYS[2:]
    await ask(llm, "achat_with_tools", [ADD], user_msg="Hi", **options)
    prompt = PromptTemplate("The word is {word}.")
    await ask(llm, "structured_predict", Word, prompt=prompt, word="sesame", llm_kwargs=options)
    assert mistral_sandbox.requests[-1].headers["x-token"] == KEYS[2]
    await ask(make_embedding(), "get_text_embedding", "Hi")

    texts = [f"{event!r} {event.model_dump()}" for event in events.events]
    texts += [f"{event.payload!r}" for event in debug.get_events()]
    for text in (*texts, *spans.seen):
        assert not any(key in text for key in KEYS)


def test_the_payload_has_the_mode_and_no_key(llm, mistral_sandbox_url):
    payload = llm.to_payload()
    assert (payload["class_name"], payload["mode"]) == ("PortkeyMistral", "direct")
    assert payload["endpoint"] == mistral_sandbox_url
    assert payload["model"] == llm.model
    assert not any(key in repr(payload) for key in KEYS)
