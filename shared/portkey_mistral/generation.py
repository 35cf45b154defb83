"""The model fields that both chat classes inherit: what to generate, in Mistral's own terms.

Ranges are those of Mistral's API reference. None means "not sent", and the service's default holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, Field

from portkey_mistral.requests import ResponseFormat

__all__ = ["GENERATION_FIELDS", "GenerationSettings"]


class GenerationSettings(BaseModel):
    """Model fields shared by `ChatPortkeyMistral` and `PortkeyMistral`."""

    model: str = Field(
        default="mistral-small-latest",
        validation_alias=AliasChoices("model", "model_name"),
        description="Id or alias of the model. Unknown ids are sent as they are.",
    )
    temperature: float | None = Field(
        default=None, ge=0, le=1.5, description="Randomness, 0 to 1.5. 0 is greedy."
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Nucleus sampling. Must be 1 when temperature is 0."
    )
    max_tokens: int | None = Field(default=None, ge=0, description="Most tokens to generate.")
    min_tokens: int | None = Field(default=None, ge=0, description="Fewest tokens to generate.")
    stop: str | list[str] | None = Field(
        default=None,
        validation_alias=AliasChoices("stop", "stop_sequences"),
        description="Texts that end the answer; they are not part of it.",
    )
    random_seed: int | None = Field(
        default=None,
        ge=0,
        validation_alias=AliasChoices("random_seed", "seed"),
        description="Seed for answers that can be repeated.",
    )
    presence_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="Against words already used, -2 to 2."
    )
    frequency_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="Against words used often, -2 to 2."
    )
    repetition_penalty: float | None = Field(
        default=None, description="Multiplicative penalty; only where the model enables it."
    )
    top_k: int | None = Field(
        default=None, description="Sample from the k likeliest; only where the model enables it."
    )
    n: int | None = Field(
        default=None, ge=1, description="Number of answers. The prompt is billed once."
    )
    logprobs: bool | None = Field(default=None, description="Return log probabilities.")
    top_logprobs: int | None = Field(
        default=None, ge=0, description="Alternatives a token, with `logprobs`."
    )
    safe_prompt: bool | None = Field(
        default=None,
        validation_alias=AliasChoices("safe_prompt", "safe_mode"),
        description="Put Mistral's safety instruction before the conversation.",
    )
    prompt_mode: Literal["reasoning"] | None = Field(
        default=None, description="Mistral's older switch for Magistral models."
    )
    reasoning_effort: str | None = Field(
        default=None,
        description="How long to think (none, minimal, low, medium, high, xhigh, max). "
        "Each model accepts a few of these: see `portkey_mistral.models`.",
    )
    parallel_tool_calls: bool | None = Field(
        default=None, description="False allows one tool call an answer."
    )
    response_format: dict[str, Any] | None = Field(
        default=None,
        description='{"type": "json_object"}, or {"type": "json_schema", "json_schema": '
        '{"name": ..., "schema": ..., "strict": ...}}.',
    )
    prediction: str | dict[str, Any] | None = Field(
        default=None, description="Text that the answer is expected to repeat in large parts."
    )
    prompt_cache_key: str | None = Field(
        default=None, description="Groups calls that share a prompt prefix, for Mistral's cache."
    )
    service_tier: str | None = Field(
        default=None, description='"auto" (may use priority capacity) or "standard_only".'
    )
    guardrails: list[dict[str, Any]] | None = Field(
        default=None, description="Mistral's input moderation, in its own form."
    )
    request_metadata: dict[str, Any] | None = Field(
        default=None,
        description="Mistral's `metadata`; the plain name belongs to the frameworks.",
    )

    def generation_fields(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request that are set, a call's own values first.

        An override of None unsets the field for this call, except `model`, which is always there. The
        names are the wire's own, so `request_metadata` comes back as `metadata`. An empty `stop` is none.

        Raises:
            InvalidRequestError: `response_format` is none of the forms that Mistral knows.
        """
        # Where pydantic keeps the fields; a fifth of the cost of getattr, thrice a call.
        own = said = self.__dict__
        if overrides:
            called = {_CANONICAL.get(name, name): value for name, value in overrides.items()}
            said = own | called
        fields = {
            name: value
            for name in GENERATION_FIELDS
            if (value := said[name]) is not None and (value != [] or name == "response_format")
        }
        fields["model"] = fields.get("model") or own["model"]
        if "request_metadata" in fields:
            fields["metadata"] = fields.pop("request_metadata")
        if "response_format" in fields:
            fields["response_format"] = ResponseFormat.read(fields["response_format"])
        return fields


GENERATION_FIELDS: Sequence[str] = tuple(GenerationSettings.model_fields)

_CANONICAL = {
    alias: name
    for name, field in GenerationSettings.model_fields.items()
    if isinstance(field.validation_alias, AliasChoices)
    for alias in field.validation_alias.choices
    if isinstance(alias, str)
}
