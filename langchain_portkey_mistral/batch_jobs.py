"""Batch jobs of Mistral for LangChain: many inputs at half the price, with results as `invoke` would give them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
)

from langchain_portkey_mistral._arguments import to_call_options, to_chat_request
from langchain_portkey_mistral._metadata import PROVIDER
from langchain_portkey_mistral._to_langchain import to_chat_result
from langchain_portkey_mistral.errors import for_langchain, langchain_errors
from portkey_mistral.adapted_batch import AdaptedBatchJob, Conversion
from portkey_mistral.batch import BatchResult
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import ChatRequest
from portkey_mistral.responses import ChatResponse

__all__ = ["ChatBatchJob", "abatch_job", "aresume_batch_job", "batch_job", "resume_batch_job"]


class ChatBatchJob(AdaptedBatchJob[Any]):
    """A batch of inputs on its way through Mistral's batch API; see `batch_job`.

    `results()` yields what LangChain's `batch(return_exceptions=True)` would return, one by one.
    """


@dataclass(frozen=True)
class _Chain:
    """A chat model with what is bound to it, the steps before it, and those after it."""

    model: Any  # a ChatPortkeyMistral, whose module imports this one
    arguments: Mapping[str, Any]
    before: tuple[Runnable[Any, Any], ...] = ()
    after: tuple[Runnable[Any, Any], ...] = ()

    def conversion(self) -> Conversion[Any]:
        # The tools are the same for every input, and so are the names under which they are sent.
        _, tool_names = self._encode([HumanMessage("-")])
        return Conversion(
            self._request, lambda result: self._output(result, tool_names), langchain_errors
        )

    def _request(self, given: Any) -> ChatRequest:
        for step in self.before:
            given = step.invoke(given)
        messages = self.model._convert_input(cast("LanguageModelInput", given)).to_messages()
        return self._encode(messages)[0]

    def _encode(self, messages: Sequence[BaseMessage]) -> tuple[ChatRequest, Mapping[str, str]]:
        stop = self.arguments.get("stop")
        arguments = {name: value for name, value in self.arguments.items() if name != "stop"}
        stops = [stop] if isinstance(stop, str) else stop
        return to_chat_request(self.model, messages, stops, arguments)

    def _output(self, result: BatchResult, tool_names: Mapping[str, str]) -> Any:
        """Return what the chain would return, or raise what it would raise."""
        if result.error is not None:
            raise for_langchain(result.error)
        if not isinstance(result.response, ChatResponse):
            raise InvalidRequestError("This batch was not made of chat requests.")
        output: Any = to_chat_result(result.response, tool_names).generations[0].message
        for step in self.after:
            output = step.invoke(output)
        return output


def batch_job(
    chain: Runnable[Any, Any],
    inputs: Iterable[Any],
    *,
    name: str | None = None,
    metadata: Mapping[str, str] | None = None,
    timeout_hours: int = 24,
) -> ChatBatchJob:
    """Send inputs of a chain as a batch: answered within hours instead of seconds, at half the price.

    The chain is a `ChatPortkeyMistral`, with tools, a schema or other arguments bound to it if you like, or a sequence
    with one: `prompt | model.with_structured_output(Answer)`. The steps before the model run now, those after it when
    the results are read. Only Mistral itself offers batches, not its regional hosts, and not Portkey.

    Examples:
        >>> from langchain_portkey_mistral import ChatPortkeyMistral
        >>> model = ChatPortkeyMistral(base_url="sandbox:")
        >>> job = batch_job(model, ["Say exactly: one", "Say exactly: two"])
        >>> progress = job.wait_until_done(poll=0.01)
        >>> [message.content for message in job.results()]
        ['one', 'two']

    Args:
        chain: The model, or a sequence with one.
        inputs: One input for each answer; read once, and not kept in memory.
        name: A name of your choice. With it the call is repeatable: after a crash at any point the same call creates
            only what is missing.
        metadata: Metadata of the jobs at Mistral.
        timeout_hours: Hours after which Mistral gives up, 1 to 168.

    Raises:
        InvalidRequestError: the chain has no such model, or several, or an input cannot be sent.
        ConfigurationError: in gateway mode, and for a config with several targets.
        ResidencyError: with `data_residency`.
    """
    with langchain_errors():
        parts = _parts(chain)
        return ChatBatchJob.start(
            parts.model.client,
            parts.conversion(),
            inputs,
            to_call_options(parts.arguments),
            name=name,
            metadata=metadata,
            timeout_hours=timeout_hours,
        )


async def abatch_job(
    chain: Runnable[Any, Any],
    inputs: Iterable[Any],
    *,
    name: str | None = None,
    metadata: Mapping[str, str] | None = None,
    timeout_hours: int = 24,
) -> ChatBatchJob:
    """The async version of `batch_job`. Inputs are read and sent in a thread."""
    return await asyncio.to_thread(
        batch_job, chain, inputs, name=name, metadata=metadata, timeout_hours=timeout_hours
    )


def resume_batch_job(chain: Runnable[Any, Any], job_id: str) -> ChatBatchJob:
    """Find a batch by its `id` or name. `chain` is that of the batch: its schema and tools read the answers.

    Raises:
        ConfigurationError: there is none, or its jobs were not all created.
    """
    with langchain_errors():
        parts = _parts(chain)
        job = parts.model.client.resume_batch(job_id, to_call_options(parts.arguments))
        return ChatBatchJob(job, parts.conversion())


async def aresume_batch_job(chain: Runnable[Any, Any], job_id: str) -> ChatBatchJob:
    """The async version of `resume_batch_job`."""
    return await asyncio.to_thread(resume_batch_job, chain, job_id)


def _parts(chain: Runnable[Any, Any]) -> _Chain:
    found = _find(chain)
    if found is None:
        raise InvalidRequestError(
            "A batch takes a ChatPortkeyMistral, with what is bound to it, or a sequence with one, such as prompt | model | "
            f"parser; got {type(chain).__name__}. Retries and fallbacks of LangChain do not apply to a batch: leave them out."
        )
    return found


def _find(runnable: Any) -> _Chain | None:
    match runnable:
        case BaseChatModel() if getattr(runnable, "_llm_type", None) == PROVIDER:
            return _Chain(runnable, {})
        case RunnableBinding(bound=bound, kwargs=kwargs):
            inner = _find(bound)
            if inner is None or inner.before or inner.after:
                return None
            return _Chain(inner.model, {**inner.arguments, **kwargs})
        case RunnableParallel(steps__=steps) if len(steps) == 1:
            # As `with_structured_output(include_raw=True)` has it.
            ((key, step),) = steps.items()
            inner = _find(step)
            wrap: Runnable[Any, Any] = RunnableLambda(lambda output: {key: output})
            return inner and _Chain(
                inner.model, inner.arguments, inner.before, (*inner.after, wrap)
            )
        case RunnableSequence(steps=steps):
            return _in_sequence(steps)
        case _:
            return None


def _in_sequence(steps: Sequence[Runnable[Any, Any]]) -> _Chain | None:
    found = [(at, inner) for at, step in enumerate(steps) if (inner := _find(step))]
    if len(found) != 1:
        return None
    ((at, inner),) = found
    return _Chain(
        inner.model,
        inner.arguments,
        (*steps[:at], *inner.before),
        (*inner.after, *steps[at + 1 :]),
    )
