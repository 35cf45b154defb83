"""The generation parameters that the public classes inherit as fields.

Names and ranges are those of Mistral's API reference. A field that is None is not sent, and the API's default
applies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import AliasChoices, Field

from portkey_mistral.requests import ResponseFormat
from portkey_mistral.settings.arguments import argument_names
from portkey_mistral.settings.field_docstrings import DocumentedFields

__all__ = ["GENERATION_FIELDS", "CompletionSettings", "GenerationSettings"]


class CompletionSettings(DocumentedFields):
    """Parameters of every text generation: chat and fill-in-the-middle."""

    model: str = Field(
        default="mistral-small-latest", validation_alias=AliasChoices("model", "model_name")
    )
    """Model id or alias. An id that the catalog does not know is sent unchanged."""
    temperature: float | None = Field(default=None, ge=0, le=1.5)
    """Sampling temperature, 0 to 1.5; 0 is greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Nucleus sampling: probability mass to sample from. Must be 1 if temperature is 0."""
    max_tokens: int | None = Field(
        default=None, ge=0, validation_alias=AliasChoices("max_tokens", "max_completion_tokens")
    )
    """Maximum number of tokens to generate."""
    min_tokens: int | None = Field(default=None, ge=0)
    """Minimum number of tokens to generate."""
    stop: str | list[str] | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Stop sequences; the generated text ends before the first of them."""
    random_seed: int | None = Field(
        default=None, ge=0, validation_alias=AliasChoices("random_seed", "seed")
    )
    """Seed for reproducible sampling."""
    prompt_cache_key: str | None = None
    """Key for Mistral's prompt cache; use the same one for calls that share a prefix."""
    request_metadata: dict[str, Any] | None = None
    """Mistral's `metadata` parameter. (The frameworks use the name `metadata` for their own.)"""

    def generation_fields(
        self, overrides: Mapping[str, Any], names: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return the fields of a request that are set, or those of them with these names; a call's overrides take
        precedence.

        An override of None unsets the field for this call, except `model`, which is always sent. The names
        are those of the API, so `request_metadata` becomes `metadata`. An empty `stop` is left out.
        """
        return _request_fields(self, names or COMPLETION_FIELDS, overrides)


class GenerationSettings(CompletionSettings):
    """Parameters of chat, for `ChatPortkeyMistral` and `PortkeyMistral`."""

    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    """Penalty for tokens that have already appeared, -2 to 2."""
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    """Penalty that grows with how often a token has appeared, -2 to 2."""
    repetition_penalty: float | None = None
    """Multiplicative penalty for repeated tokens; only some models accept it."""
    top_k: int | None = None
    """Sample from the k most likely tokens; only some models accept it."""
    n: int | None = Field(default=None, ge=1)
    """Number of choices to generate. The prompt is billed once."""
    logprobs: bool | None = None
    """Return the log probabilities of the generated tokens."""
    top_logprobs: int | None = Field(default=None, ge=0)
    """Alternatives to return for each token; needs `logprobs`."""
    safe_prompt: bool | None = Field(
        default=None, validation_alias=AliasChoices("safe_prompt", "safe_mode")
    )
    """Prepend Mistral's safety prompt to the conversation."""
    prompt_mode: Literal["reasoning"] | None = None
    """Older reasoning switch, for Magistral models."""
    reasoning_effort: str | None = None
    """Reasoning effort: none, minimal, low, medium, high, xhigh or max. Which of them a model accepts is listed in
    `portkey_mistral.models`.
    """
    parallel_tool_calls: bool | None = None
    """False limits an answer to one tool call."""
    response_format: dict[str, Any] | None = None
    """{"type": "json_object"}, or {"type": "json_schema", "json_schema": {"name": ..., "schema": ..., "strict": ...}}.
    """
    prediction: str | dict[str, Any] | None = None
    """Text that most of the answer is expected to repeat; it speeds up generation."""
    service_tier: str | None = None
    """"auto" (may use priority capacity) or "standard_only"."""
    guardrails: list[dict[str, Any]] | None = None
    """Mistral's input moderation, in the form of its API."""

    name_messages: bool | None = None
    """True puts the names of user and assistant messages before their text ("Ada: Hello!"): Mistral's messages have no
    field for them, so by default the model does not see them.
    """

    def generation_fields(
        self, overrides: Mapping[str, Any], names: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return the fields of a request that are set; see `CompletionSettings.generation_fields`.

        Raises:
            InvalidRequestError: `response_format` has none of the forms that Mistral knows.
        """
        fields = _request_fields(self, names or GENERATION_FIELDS, overrides)
        if "response_format" in fields:
            fields["response_format"] = ResponseFormat.read(fields["response_format"])
        return fields


COMPLETION_FIELDS: Sequence[str] = tuple(CompletionSettings.model_fields)
GENERATION_FIELDS: Sequence[str] = tuple(GenerationSettings.model_fields)

_FIELD_BY_ARGUMENT = argument_names(GenerationSettings)

# An empty list of these is the same as none.
_OMITTED_IF_EMPTY = ("stop", "guardrails")


def _request_fields(
    settings: CompletionSettings, names: Sequence[str], overrides: Mapping[str, Any]
) -> dict[str, Any]:
    values = settings.__dict__
    if overrides:
        values = {
            **values,
            **{_FIELD_BY_ARGUMENT.get(name, name): value for name, value in overrides.items()},
        }
        values["model"] = values["model"] or settings.model
    fields = {name: value for name in names if (value := values[name]) is not None}
    for name in _OMITTED_IF_EMPTY:
        if name in fields and not fields[name]:
            del fields[name]
    if "request_metadata" in fields:
        fields["metadata"] = fields.pop("request_metadata")
    return fields
