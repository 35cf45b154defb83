"""`PortkeyMistralModeration`: Mistral's moderation as a runnable, for chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import AliasChoices, Field

from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral import ConnectedSettings
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.moderation import Moderator, Violations
from portkey_mistral.settings.connection import MODEL_CONFIG
from portkey_mistral.settings.moderation import ModerationSettings

__all__ = ["PortkeyMistralModeration"]


class PortkeyMistralModeration(
    ConnectedSettings, ModerationSettings, RunnableSerializable[Any, Any]
):
    """Lets texts, messages and prompts pass that Mistral's moderation allows.

    In a chain it returns its input, a string, a message, a list of messages or a prompt, unchanged. `action` decides what
    happens to content that is not allowed: "raise" raises `ModerationError`; "redact" and "block" return the input with
    `redaction` or `block_message` in place of each text that is not allowed.

    ```python
    from langchain_portkey_mistral import PortkeyMistralModeration

    moderation = PortkeyMistralModeration(thresholds={"pii": 0.3}, action="redact")
    assert moderation.invoke("Write to ada@example.com!") == "[removed by moderation]"
    assert moderation.invoke("Hello!") == "Hello!"
    ```

    Raises:
        ConfigurationError: at construction, for an argument that is invalid, unknown or out of place.
        ModerationError: from a call, with `action="raise"`.
        ModelError: from a call; see `ChatPortkeyMistral`.
    """

    model_config = MODEL_CONFIG

    model: str = Field(
        default="mistral-moderation-latest", validation_alias=AliasChoices("model", "model_name")
    )
    """Model id or alias."""

    def check(self, texts: Sequence[str]) -> Violations:
        """Return the categories that are not allowed of each text that has some, by its position."""
        with langchain_errors():
            return self._moderator.check(texts)

    async def acheck(self, texts: Sequence[str]) -> Violations:
        """The async version of `check`."""
        with langchain_errors():
            return await self._moderator.acheck(texts)

    @property
    def replacement(self) -> str:
        """The text in place of one that is not allowed."""
        return self.redaction if self.action == "redact" else self.block_message

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:
        """Return the input, with what is not allowed replaced."""
        return self._call_with_config(self._moderated, input, config)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:
        """Return the input, with what is not allowed replaced."""
        return await self._acall_with_config(self._amoderated, input, config)

    @property
    def _moderator(self) -> Moderator:
        return Moderator(self.client, self.model, self)

    def _moderated(self, input: Any) -> Any:
        items = _items(input)
        return self._replaced(input, items, self.check([text_of(item) for item in items]))

    async def _amoderated(self, input: Any) -> Any:
        items = _items(input)
        return self._replaced(input, items, await self.acheck([text_of(item) for item in items]))

    def _replaced(self, input: Any, items: list[Any], violations: Violations) -> Any:
        if not violations:
            return input
        replaced = [
            with_text(item, self.replacement) if at in violations else item
            for at, item in enumerate(items)
        ]
        return replaced if isinstance(input, list | tuple | PromptValue) else replaced[0]


def _items(input: Any) -> list[Any]:
    if isinstance(input, PromptValue):
        return list(input.to_messages())
    items = list(input) if isinstance(input, list | tuple) else [input]
    for item in items:
        if not isinstance(item, str | BaseMessage):
            raise TypeError(
                f"Moderation takes strings, messages and prompts, got {type(item).__name__}."
            )
    return items


def text_of(item: str | BaseMessage) -> str:
    """Return the text of a message; images and other content have none."""
    return item if isinstance(item, str) else str(item.text)


def with_text(item: Any, text: str) -> Any:
    """Return a string or message with another text, and no content beside it."""
    return text if isinstance(item, str) else item.model_copy(update=drop_none(content=text))
