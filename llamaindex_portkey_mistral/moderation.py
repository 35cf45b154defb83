"""Mistral's moderation of nodes, queries and answers."""

from __future__ import annotations

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from pydantic import AliasChoices, Field

from llamaindex_portkey_mistral._pickling import PicklableMixin
from portkey_mistral import ConnectedSettings
from portkey_mistral.moderation import Moderator, Violations
from portkey_mistral.settings.connection import MODEL_CONFIG
from portkey_mistral.settings.moderation import ModerationSettings

__all__ = ["PortkeyMistralModeration", "PortkeyMistralModerationQueryEngine"]


class PortkeyMistralModeration(
    ConnectedSettings, ModerationSettings, PicklableMixin, BaseNodePostprocessor
):
    """Lets nodes pass that Mistral's moderation allows.

    `action` decides what happens to the others: "block" leaves them out, "redact" puts `redaction` in place of their text,
    and "raise" raises `ModerationError`. `PortkeyMistralModerationQueryEngine` applies it to queries and answers.

    Raises:
        ConfigurationError: on construction, if an argument is unknown or arguments contradict each other.
        ModerationError: on a call, with `action="raise"`.
        APIError: on a call that failed.

    Example:
        >>> from llama_index.core.schema import NodeWithScore, TextNode
        >>> from llamaindex_portkey_mistral import PortkeyMistralModeration
        >>> moderation = PortkeyMistralModeration(base_url="sandbox:", action="block")
        >>> nodes = [NodeWithScore(node=TextNode(text="Write to ada@example.com!"))]
        >>> moderation.postprocess_nodes(nodes)
        []
    """

    model_config = MODEL_CONFIG

    model_name: str = Field(
        default="mistral-moderation-latest", validation_alias=AliasChoices("model_name", "model")
    )
    """Id or alias of the model."""

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistralModeration"

    @property
    def moderator(self) -> Moderator:
        """Moderates texts by these settings."""
        return Moderator(self.client, self.model_name, self)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return self._allowed(nodes, self.moderator.check([*map(_text, nodes)]))

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return self._allowed(nodes, await self.moderator.acheck([*map(_text, nodes)]))

    def _allowed(self, nodes: list[NodeWithScore], violations: Violations) -> list[NodeWithScore]:
        if self.action == "block":
            return [node for at, node in enumerate(nodes) if at not in violations]
        return [self._redacted(node) if at in violations else node for at, node in enumerate(nodes)]

    def _redacted(self, scored: NodeWithScore) -> NodeWithScore:
        # Without its metadata, which the model would see too.
        node = TextNode(id_=scored.node.node_id, text=self.redaction)
        return NodeWithScore(node=node, score=scored.score)


class PortkeyMistralModerationQueryEngine(BaseQueryEngine):
    """Guards a query engine: a query, or an answer, that moderation does not allow is not passed on.

    The action "raise" raises `ModerationError`. "block" and "redact" return `block_message` or `redaction` as the answer; a
    query that is not allowed does not reach the engine. A streamed answer is read to its end before it is checked.

    Args:
        query_engine: The engine to guard.
        moderation: The moderation to apply.
        check_query: Whether queries are checked.
        check_answer: Whether answers are checked.
    """

    def __init__(
        self,
        query_engine: BaseQueryEngine,
        moderation: PortkeyMistralModeration,
        *,
        check_query: bool = True,
        check_answer: bool = True,
    ) -> None:
        super().__init__(query_engine.callback_manager)
        self._query_engine, self._moderation = query_engine, moderation
        self._check_query, self._check_answer = check_query, check_answer

    def _get_prompt_modules(self) -> PromptMixinType:
        return {"query_engine": self._query_engine}

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        check = self._moderation.moderator.check
        if self._check_query and check([query_bundle.query_str]):
            return self._refusal()
        response = self._query_engine.query(query_bundle)
        if not self._check_answer:
            return response
        if isinstance(response, StreamingResponse):
            response = response.get_response()
        return self._refusal(response) if check([str(response)]) else response

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        check = self._moderation.moderator.acheck
        if self._check_query and await check([query_bundle.query_str]):
            return self._refusal()
        response = await self._query_engine.aquery(query_bundle)
        if not self._check_answer:
            return response
        if isinstance(response, StreamingResponse):
            response = response.get_response()
        if isinstance(response, AsyncStreamingResponse):
            response = await response.get_response()
        return self._refusal(response) if await check([str(response)]) else response

    def _refusal(self, response: RESPONSE_TYPE | None = None) -> Response:
        moderation = self._moderation
        text = moderation.redaction if moderation.action == "redact" else moderation.block_message
        return Response(text, source_nodes=[] if response is None else response.source_nodes)


def _text(scored: NodeWithScore) -> str:
    # With the metadata that the model will see.
    return scored.node.get_content(metadata_mode=MetadataMode.LLM)
