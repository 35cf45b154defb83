"""Chat and fill-in-the-middle: check, let the stand-in answer, and send it whole or as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox import limits, moderation, tokens
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.brain import complete_code, respond, varied
from portkey_mistral.sandbox.completions import Bounds, Completion, Head, bounded
from portkey_mistral.sandbox.endpoints.order import Order, deprecation, parse, token_limits
from portkey_mistral.sandbox.errors import blocked_by_guardrail
from portkey_mistral.sandbox.faults import DONE, damaged, on_the_wire
from portkey_mistral.sandbox.replies import Reply, json_reply
from portkey_mistral.sandbox.schema import (
    AssistantMessage,
    ChatRequest,
    FIMRequest,
    GuardrailAction,
    GuardrailConfig,
    Message,
    ModerationV1,
    ModerationV2,
)
from portkey_mistral.sandbox.schema import Completion as CompletionRequest
from portkey_mistral.sandbox.turns import check_turns

__all__ = ["chat", "fim"]

_CACHE_BLOCK = 64


def chat(order: Order) -> Reply:
    """Answer `POST /v1/chat/completions`."""
    request = parse(ChatRequest, order.body)
    model = limits.require_model(request.model, "chat", today=order.today)
    check_turns(request.messages)
    limits.check_chat(request, model)
    verdicts = _verdicts(request.guardrails or (), request.messages)
    prefix = _prefix(request.messages)
    completion = Completion(
        Head(order.id, int(order.now), request.model),
        _answers(request, order.scripted() or respond(request, model), prefix),
        limits.prompt_tokens(request.messages, request.tools),
        cached_tokens=_cached_tokens(request, order),
        prefix_tokens=tokens.count(prefix),
        logprobs=bool(request.logprobs),
        top_logprobs=request.top_logprobs or 0,
    )
    return _send(order, request, completion, model, {"guardrails": verdicts} if verdicts else {})


def fim(order: Order) -> Reply:
    """Answer `POST /v1/fim/completions`."""
    request = parse(FIMRequest, order.body)
    model = limits.require_model(request.model, "fim", today=order.today)
    limits.check_fim(request, model)
    suffix = request.suffix or ""
    answer = order.scripted() or Answer(complete_code(request.prompt, suffix))
    completion = Completion(
        Head(order.id, int(order.now), request.model),
        [bounded(answer, Bounds(_stops(request.stop), request.max_tokens))],
        tokens.count(request.prompt) + tokens.count(suffix),
    )
    return _send(order, request, completion, model, {})


def _answers(request: ChatRequest, answer: Answer, prefix: str) -> Sequence[Answer]:
    bounds = Bounds(_stops(request.stop), request.max_tokens, prefix)
    return [
        bounded(_continued(varied(answer, index), prefix), bounds)
        for index in range(request.n or 1)
    ]


def _send(
    order: Order,
    request: CompletionRequest,
    completion: Completion,
    model: ModelInfo,
    extra: Mapping[str, Any],
) -> Reply:
    fault = order.fault
    headers = {
        **token_limits(completion.usage["total_tokens"]),
        **deprecation(model, order.today),
    }
    if not request.stream:
        reply = json_reply({**completion.body(), **extra}, headers=headers)
        reply.steps = damaged(reply.steps, fault)
        return reply
    # The one family of another maker sends the calls of tools in fragments.
    split = fault.split_calls or model.family == "third-party"
    events = completion.events(usage=fault.usage, split_calls=split)
    headers = {"content-type": "text/event-stream; charset=utf-8", **headers}
    return Reply(200, headers, on_the_wire(_with_done(events), fault))


def _with_done(events: Iterator[bytes]) -> Iterator[bytes]:
    yield from events
    yield DONE


def _stops(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def _prefix(messages: Sequence[Message]) -> str:
    match messages[-1]:
        case AssistantMessage(prefix=True, content=str(text)):
            return text
        case AssistantMessage(prefix=True, content=list(chunks)):
            return "".join(getattr(chunk, "text", "") for chunk in chunks)
        case _:
            return ""


def _continued(answer: Answer, prefix: str) -> Answer:
    """Put the prefix first. What was written before and cut off is taken up where it broke."""
    text = answer.content
    if not isinstance(text, str) or text.startswith(prefix):
        return answer
    return Answer(f"{prefix}{text}", answer.calls, answer.thinking, answer.finish_reason)


def _cached_tokens(request: ChatRequest, order: Order) -> int:
    """Tokens that the cache key saves: what begins like the prompt before, in whole blocks."""
    if request.prompt_cache_key is None:
        return 0
    prompt = "".join(message.model_dump_json() for message in request.messages)
    common = order.cached(request.prompt_cache_key, prompt)
    return tokens.count(common) // _CACHE_BLOCK * _CACHE_BLOCK


def _verdicts(
    guardrails: Sequence[GuardrailConfig], messages: Sequence[Message]
) -> Sequence[Mapping[str, Any]]:
    """Judge what the user said last; a guardrail that blocks raises."""
    if not guardrails:
        return ()
    said = next((message for message in reversed(messages) if message.role == "user"), messages[-1])
    found = moderation.scores(said.model_dump_json(include={"content"}))
    verdicts = [
        {key: _verdict(rule, found)}
        for guardrail in guardrails
        for key in ("moderation_llm_v1", "moderation_llm_v2")
        if (rule := getattr(guardrail, key)) is not None
    ]
    if any(next(iter(verdict.values()))["action"] == "block" for verdict in verdicts):
        raise blocked_by_guardrail(verdicts)
    return verdicts


def _verdict(rule: ModerationV1 | ModerationV2, found: Mapping[str, float]) -> Mapping[str, Any]:
    thresholds = rule.custom_category_thresholds
    own = thresholds.model_dump(exclude_none=True) if thresholds else {}
    judged = {
        name: {"score": found[name], "violated": violated}
        for name, violated in moderation.violations(found, own).items()
        if name in own or not rule.ignore_other_categories
    }
    violated = any(each["violated"] for each in judged.values())
    block = violated and rule.action is GuardrailAction.BLOCK
    return {"action": "block" if block else "none", "categories": judged}
