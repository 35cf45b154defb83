"""Output parsers for LlamaIndex's text-based agents."""

from __future__ import annotations

import json
import re

from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.agent.react.types import ActionReasoningStep, BaseReasoningStep

__all__ = ["StrictReActOutputParser"]

_ACTION_INPUT = re.compile(r"^Action Input:\s*(?:```\w*\s*)?", re.MULTILINE)


class StrictReActOutputParser(ReActOutputParser):
    """A parser for `ReActAgent` that never lets a tool run on broken arguments.

    Core's parser searches an `Action Input` that does not parse for pairs of strings, and calls the tool with
    what it finds, often nothing. Here such an input is an error, which the agent shows to the model.

    Examples:
        >>> from llama_index.core.agent.workflow import ReActAgent
        >>> from llamaindex_portkey_mistral import PortkeyMistral, StrictReActOutputParser
        >>> llm = PortkeyMistral(base_url="sandbox:")
        >>> agent = ReActAgent(tools=[], llm=llm, output_parser=StrictReActOutputParser())
    """

    def parse(self, output: str, is_streaming: bool = False) -> BaseReasoningStep:
        """Parse a step of the agent.

        Raises:
            ValueError: the step has neither an action nor an answer, or its input is not one complete object.
        """
        step = super().parse(output, is_streaming)
        if isinstance(step, ActionReasoningStep):
            return step.model_copy(update={"action_input": _action_input(output)})
        return step


def _action_input(output: str) -> dict[str, object]:
    match = _ACTION_INPUT.search(output)
    text = output[match.end() :] if match else ""
    try:
        # Text after the object is allowed: models like to invent the observation too.
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except ValueError as error:
        raise ValueError(f"Action Input is not a complete JSON object: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"Action Input must be a JSON object, got {text[:20]!r}")  # noqa: TRY004 - the agent catches ValueError
    return value
