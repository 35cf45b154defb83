"""Adds up the costs of calls, in addition to their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from portkey_mistral.exceptions import APIError

__all__ = ["CostCallbackHandler", "get_cost_callback"]


class CostCallbackHandler(UsageMetadataCallbackHandler):
    """LangChain's usage handler, which adds up costs too, including those of failed calls.

    Attributes:
        costs: The cost in USD, by the id of the model that was billed; "" for calls to several.
        unknown: Number of calls whose cost, or a part of it, is not known. LangChain does not tell the cost of a stream
            that was closed early.

    Examples:
        ```python
        from langchain_portkey_mistral import ChatPortkeyMistral, CostCallbackHandler

        model = ChatPortkeyMistral(model="mistral-small-latest")
        spent = CostCallbackHandler()
        model.invoke("Hello!", config={"callbacks": [spent]})
        print(spent.total_cost, spent.usage_metadata)
        ```
    """

    def __init__(self) -> None:
        super().__init__()
        self.costs: dict[str, Decimal] = {}
        self.unknown = 0

    @property
    def total_cost(self) -> Decimal:
        """The sum of all costs that are known, in USD."""
        with self._lock:
            return sum(self.costs.values(), Decimal(0))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(total_cost={self.total_cost}, unknown={self.unknown})"

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        super().on_llm_end(response, **kwargs)
        generation = next((each[0] for each in response.generations if each), None)
        if isinstance(generation, ChatGeneration):
            if _is_from_cache(generation):
                return
            metadata = generation.message.response_metadata
        else:
            metadata = (generation and generation.generation_info) or {}
        self._add(metadata.get("cost"))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        if isinstance(error, APIError):
            self._add(None if error.cost is None else error.cost.to_dict())
        elif not isinstance(error, Exception):
            self._add(None)  # a stream that was closed, or a call that was cancelled, may be billed
        # With other errors, nothing was sent.

    def _add(self, cost: dict[str, Any] | None) -> None:
        with self._lock:
            if cost is None or cost["is_partial"]:
                self.unknown += 1
            if cost is not None:
                model = cost["model"] or ""
                self.costs[model] = self.costs.get(model, Decimal(0)) + Decimal(cost["amount"])


def _is_from_cache(generation: ChatGeneration) -> bool:
    """Whether the answer came from LangChain's cache, which sets a `total_cost` of 0 in the usage."""
    usage: Any = getattr(generation.message, "usage_metadata", None) or {}
    return bool(usage.get("total_cost") == 0)


# LangChain asks every variable that was ever registered, with each call: they are used again and again.
_variables: list[ContextVar[CostCallbackHandler | None]] = []


def _unused_variable(name: str) -> ContextVar[CostCallbackHandler | None]:
    """Return a registered variable that no surrounding block has set."""
    for variable in _variables:
        if variable.get() is None:
            return variable
    added: ContextVar[CostCallbackHandler | None] = ContextVar(name, default=None)
    register_configure_hook(added, inheritable=True)
    _variables.append(added)
    return added


@contextmanager
def get_cost_callback(name: str = "cost_callback") -> Iterator[CostCallbackHandler]:
    """Add up the costs of all calls in a block, in agents and chains too.

    Examples:
        ```python
        from langchain_portkey_mistral import ChatPortkeyMistral, get_cost_callback

        model = ChatPortkeyMistral(model="mistral-small-latest")
        with get_cost_callback() as spent:
            model.invoke("Hello!")
        print(f"${spent.total_cost:.6f}")
        ```
    """
    variable = _unused_variable(name)
    handler = CostCallbackHandler()
    token = variable.set(handler)
    try:
        yield handler
    finally:
        variable.reset(token)
