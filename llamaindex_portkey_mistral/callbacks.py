"""Adds up the costs of calls, in addition to their tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload, TokenCountingHandler

from portkey_mistral.exceptions import APIError, PortkeyMistralError

__all__ = ["CostCountingHandler"]


class CostCountingHandler(TokenCountingHandler):
    """LlamaIndex's token counter, which adds up the costs of language models too.

    The events of embeddings contain no usage; their cost is in `EmbeddingBatch.cost` of `embed_iter`, and in
    `client.usage()`.

    Examples:
        >>> from llama_index.core.callbacks import CallbackManager
        >>> from llamaindex_portkey_mistral import CostCountingHandler, PortkeyMistral
        >>> spent = CostCountingHandler(tokenizer=str.split)
        >>> llm = PortkeyMistral(base_url="sandbox:", callback_manager=CallbackManager([spent]))
        >>> _ = llm.complete("Hello!")
        >>> spent.total_llm_cost > 0
        True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.llm_costs: dict[str, Decimal] = {}
        """Cost in USD by the id of the model that was billed; "" for calls to several."""
        self.unknown = 0
        """Number of calls whose cost, or a part of it, is not known: streams that were closed early, for example."""

    @property
    def total_llm_cost(self) -> Decimal:
        """The sum of all costs that are known, in USD."""
        return sum(self.llm_costs.values(), Decimal(0))

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        if event_type == CBEventType.LLM and payload is not None:
            self._add(payload)
        super().on_event_end(event_type, payload, event_id, **kwargs)

    def reset_counts(self) -> None:
        super().reset_counts()
        self.llm_costs, self.unknown = {}, 0

    def _add(self, payload: dict[str, Any]) -> None:
        response = payload.get(EventPayload.RESPONSE) or payload.get(EventPayload.COMPLETION)
        cost = getattr(response, "additional_kwargs", {}).get("cost")
        error = payload.get(EventPayload.EXCEPTION)
        if isinstance(error, PortkeyMistralError) and not isinstance(error, APIError):
            return  # nothing was sent
        if cost is None:
            cost = _cost_of_error(error)
        if cost is None or cost["is_partial"]:
            self.unknown += 1
        if cost is not None:
            model = cost["model"] or ""
            amount = Decimal(cost["amount"])
            self.llm_costs[model] = self.llm_costs.get(model, Decimal(0)) + amount


def _cost_of_error(error: object) -> dict[str, Any] | None:
    cost = getattr(error, "cost", None)
    return None if cost is None else cost.to_dict()
