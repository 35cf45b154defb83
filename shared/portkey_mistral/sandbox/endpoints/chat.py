"""Chat and fill-in-the-middle: check the request, get an answer, encode it whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox import limits, moderation, tokens
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.brain import complete_code, respond, varied
from portkey_mistral.sandbox.brain.schema_values import UnfillableSchemaError
from portkey_mistral.sandbox.completions import Bounds, Completion, Head, bounded
from portkey_mistral.sandbox.endpoints.request import (
    SandboxRequest,
    deprecation,
    parse,
    token_limits,
)
from portkey_mistral.sandbox.errors import blocked_by_guardrail, invalid_args
from portkey_mistral.sandbox.faults import DONE, damaged, sse_stream
from portkey_mistral.sandbox.message_order import check_message_order
from portkey_mistral.sandbox.request_models import (
    AssistantMessage,
    ChatRequest,
    FIMRequest,
    GuardrailAction,
    GuardrailConfig,
    Message,
    ModerationV1,
    ModerationV2,
)
from portkey_mistral.sandbox.request_models import Completion as CompletionRequest
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["chat", "fim"]

_CACHE_BLOCK = 64
# There is always priority capacity in the sandbox.
_SERVED_TIERS: Mapping[str | None, str] = {"auto": "priority", "standard_only": "standard"}


def chat(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/chat/completions`."""
    params = parse(ChatRequest, request.body)
    model = limits.require_model(params.model, "chat", today=request.today)
    check_message_order(params.messages)
    limits.check_chat(params, model)
    verdicts = _verdicts(params.guardrails or (), params.messages)
    prefix = _prefix(params.messages)
    completion = Completion(
        Head(request.id, int(request.now), params.model),
        _answers(params, request.scripted() or _respond(params, model), prefix),
        limits.prompt_tokens(params.messages, params.tools),
        cached_tokens=_cached_tokens(params, request),
        prefix_tokens=tokens.count(prefix),
        logprobs=bool(params.logprobs),
        top_logprobs=params.top_logprobs or 0,
        service_tier=_SERVED_TIERS.get(params.service_tier),
    )
    return _send(request, params, completion, model, {"guardrails": verdicts} if verdicts else {})


def fim(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/fim/completions`."""
    params = parse(FIMRequest, request.body)
    model = limits.require_model(params.model, "fim", today=request.today)
    limits.check_fim(params, model)
    suffix = params.suffix or ""
    answer = request.scripted() or Answer(complete_code(params.prompt, suffix))
    completion = Completion(
        Head(request.id, int(request.now), params.model),
        [bounded(answer, Bounds(_stops(params.stop), params.max_tokens))],
        tokens.count(params.prompt) + tokens.count(suffix),
    )
    return _send(request, params, completion, model, {})


def _respond(params: ChatRequest, model: ModelInfo) -> Answer:
    try:
        return respond(params, model)
    except UnfillableSchemaError as error:
        raise invalid_args(f"The sandbox has no answer that matches the schema: {error}") from None


def _answers(params: ChatRequest, answer: Answer, prefix: str) -> Sequence[Answer]:
    bounds = Bounds(_stops(params.stop), params.max_tokens, prefix)
    return [
        bounded(_continued(varied(answer, index), prefix), bounds) for index in range(params.n or 1)
    ]


def _send(
    request: SandboxRequest,
    params: CompletionRequest,
    completion: Completion,
    model: ModelInfo,
    extra: Mapping[str, Any],
) -> SandboxResponse:
    fault = request.fault
    headers = {
        **token_limits(completion.usage["total_tokens"]),
        **deprecation(model, request.today),
    }
    if not params.stream:
        response = json_response({**completion.body(), **extra}, headers=headers)
        response.steps = damaged(response.steps, fault)
        return response
    # The third-party family streams tool calls in fragments.
    split = fault.split_calls or model.family == "third-party"
    events = completion.events(usage=fault.usage, split_calls=split)
    headers = {"content-type": "text/event-stream; charset=utf-8", **headers}
    return SandboxResponse(200, headers, sse_stream(_then_done(events), fault))


def _then_done(events: Iterator[bytes]) -> Iterator[bytes]:
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
    """Start the answer with the prefix; an answer that already does is continued where it was cut."""
    text = answer.content
    if not isinstance(text, str) or text.startswith(prefix):
        return answer
    return Answer(f"{prefix}{text}", answer.calls, answer.thinking, answer.finish_reason)


def _cached_tokens(params: ChatRequest, request: SandboxRequest) -> int:
    """Return the tokens read from the prompt cache: the common start with the previous prompt, in blocks."""
    if params.prompt_cache_key is None:
        return 0
    prompt = "".join(message.model_dump_json() for message in params.messages)
    common = request.cached(params.prompt_cache_key, prompt)
    return tokens.count(common) // _CACHE_BLOCK * _CACHE_BLOCK


def _verdicts(
    guardrails: Sequence[GuardrailConfig], messages: Sequence[Message]
) -> Sequence[Mapping[str, Any]]:
    """Check the last user message; raise if a guardrail blocks it."""
    if not guardrails:
        return ()
    last = next((message for message in reversed(messages) if message.role == "user"), messages[-1])
    found = moderation.scores(last.model_dump_json(include={"content"}))
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
