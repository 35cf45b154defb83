"""Guardrails in both frameworks: on the stand-in for hosted Portkey, and in configs on the open-source gateway."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from portkey_mistral import Client, EmbeddingRequest, GuardrailDeniedError, sandbox
from portkey_mistral.sandbox.portkey import parse
from portkey_names import KINDS, Kind

pytestmark = pytest.mark.gateway

CHATS = [kind for kind in KINDS if kind.name.startswith("chat")]
FIMS = [kind for kind in KINDS if kind.is_fim]
STRICT = {"default_headers": {"x-portkey-strict-open-ai-compliance": "true"}}


def contains(word: str, **settings: Any) -> dict[str, Any]:
    return {"checks": {"default.contains": {"words": [word], "operator": "none"}}, "async": False, **settings}  # fmt: skip


# The kinds say "Hi"; the sandbox answers "Bonjour".
ACCOUNT: dict[str, Any] = {
    "keys": {"pk": {}},
    "providers": {"mistral-prod": {"provider": "mistral-ai", "api_key": "sk-m"}},
    "guardrails": {
        "pg-soft-in": contains("Hi"),
        "pg-soft-out": contains("Bonjour"),
        "pg-fine": contains("nothing like it"),
        "pg-deny": contains("Hi", deny=True),
        "pg-deny-out": contains("Bonjour", deny=True),
    },
}


@pytest.fixture
def portkey_account() -> dict[str, Any]:
    return copy.deepcopy(ACCOUNT)


def metadata(result: Any) -> Mapping[str, Any]:
    """Return the facts about a call where the framework shows them: in a stream, on its last chunk."""
    last = result[-1] if isinstance(result, list) else result
    found = getattr(last, "response_metadata", None)
    return last.additional_kwargs["call_info"] if found is None else found


def verdicts(result: Any) -> list[tuple[Any, ...]]:
    shown = metadata(result).get("guardrails", [])
    return [(each["id"], each["side"], each["verdict"], each["denied"]) for each in shown]


IN, OUT = ("pg-soft-in", "input", False, False), ("pg-soft-out", "output", False, False)
FINE = ("pg-fine", "input", True, False)
UNREPORTED = (None, None, False, False)


# --- of the organisation, at hosted Portkey --------------------------------------------------------------


@pytest.fixture
def hosted(portkey_sandbox: Any, portkey_sandbox_url: str) -> Callable[..., Any]:
    def make(kind: Kind, inputs: list[str], outputs: list[str], **fields: Any) -> Any:
        lists = {"input_guardrails": inputs, "output_guardrails": outputs}
        portkey_sandbox.use(parse({**copy.deepcopy(ACCOUNT), "organisation": lists}))
        portkey_sandbox.provider("mistral-prod").reply("Bonjour")
        connection = {"gateway_url": portkey_sandbox_url, "portkey_api_key": "pk"}
        return kind.make(
            kind.model, provider="@mistral-prod", max_retries=0, **connection, **fields
        )

    return make


@pytest.mark.parametrize("kind", CHATS, ids=repr)
@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ([], [], []),
        (["pg-fine"], [], [FINE]),
        (["pg-soft-in"], [], [IN]),
        ([], ["pg-soft-out"], [OUT]),
        (["pg-fine", "pg-soft-in"], ["pg-soft-out"], [FINE, IN, OUT]),
    ],
)
def test_verdicts_of_the_organisation(
    inputs: list[str], outputs: list[str], expected: list[Any], kind: Kind, hosted: Any
) -> None:
    assert verdicts(kind.run(hosted(kind, inputs, outputs))) == expected


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_a_denial_of_the_organisation(kind: Kind, hosted: Any, portkey_sandbox: Any) -> None:
    with pytest.raises(
        GuardrailDeniedError, match=r"Failed: pg-deny \(default\.contains\)"
    ) as denied:
        kind.run(hosted(kind, ["pg-fine", "pg-deny"], []))
    assert [(each.id, each.verdict) for each in denied.value.guardrails] == [
        ("pg-fine", True),
        ("pg-deny", False),
    ]
    assert portkey_sandbox.provider("mistral-prod").requests == []


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_a_denial_of_the_answer_comes_too_late_for_a_stream(kind: Kind, hosted: Any) -> None:
    model = hosted(kind, [], ["pg-deny-out"])
    if "stream" in kind.name:
        assert verdicts(kind.run(model)) == [("pg-deny-out", "output", False, True)]
    else:
        with pytest.raises(GuardrailDeniedError, match="pg-deny-out"):
            kind.run(model)


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_strict_compliance_leaves_only_the_status_to_a_stream(kind: Kind, hosted: Any) -> None:
    streamed = "stream" in kind.name
    result = kind.run(hosted(kind, ["pg-soft-in"], [], **STRICT))
    assert verdicts(result) == [UNREPORTED if streamed else IN]


@pytest.mark.parametrize("kind", FIMS, ids=repr)
def test_no_guardrail_runs_on_fill_in_the_middle(kind: Kind, hosted: Any) -> None:
    assert kind.run(hosted(kind, ["pg-deny", "pg-soft-in"], ["pg-deny-out"]))


def test_a_guardrail_on_texts_to_embed(hosted: Any, portkey_sandbox: Any) -> None:
    embed = next(kind for kind in KINDS if kind.name == "embed-langchain-sync")
    embeddings = hosted(embed, ["pg-soft-in"], [])
    response = embeddings.client.embed(EmbeddingRequest(model=embed.model, inputs=["Hi"]))
    (info,) = response.infos
    assert [(each.id, each.verdict) for each in info.guardrails] == [("pg-soft-in", False)]
    for kind in (kind for kind in KINDS if kind.name.startswith("embed")):
        with pytest.raises(GuardrailDeniedError, match="pg-deny"):
            kind.run(hosted(kind, ["pg-deny"], []))


# --- of a config, on the open-source gateway -------------------------------------------------------------


@pytest.fixture
def open_source(portkey_gateway_url: str, target: Any) -> Callable[..., Any]:
    def make(kind: Kind, **fields: Any) -> Any:
        config = target("guarded", **fields.pop("config"))
        sandbox.get("guarded").reply("Bonjour")
        connection = {"gateway_url": portkey_gateway_url, "portkey_config": config}
        return kind.make(kind.model, max_retries=0, **connection, **fields)

    return make


def guard(word: str, id: str, **settings: Any) -> list[dict[str, Any]]:
    return [{"default.contains": {"words": [word], "operator": "none"}, "id": id, **settings}]


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_verdicts_of_a_config(kind: Kind, open_source: Any) -> None:
    both = {"input_guardrails": guard("Hi", "in"), "output_guardrails": guard("Bonjour", "out")}
    expected = [("in", "input", False, False), ("out", "output", False, False)]
    # The open-source gateway runs no output guardrail on a stream.
    shown = expected[:1] if "stream" in kind.name else expected
    result = kind.run(open_source(kind, config=both))
    assert verdicts(result) == shown
    (check,) = metadata(result)["guardrails"][0]["checks"]
    assert (check["id"], check["verdict"], check["error"]) == ("default.contains", False, None)
    assert check["data"]["explanation"]


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_a_check_that_cannot_run_passes_and_is_named(kind: Kind, open_source: Any) -> None:
    config = {"input_guardrails": [{"default.nosuchcheck": {}, "id": "typo", "deny": True}]}
    (verdict,) = metadata(kind.run(open_source(kind, config=config)))["guardrails"]
    assert (verdict["id"], verdict["verdict"]) == ("typo", True)
    assert verdict["checks"][0]["error"]


@pytest.mark.parametrize("kind", CHATS, ids=repr)
def test_strict_compliance_on_the_open_source_gateway(kind: Kind, open_source: Any) -> None:
    model = open_source(kind, config={"input_guardrails": guard("Hi", "in")}, **STRICT)
    expected = UNREPORTED if "stream" in kind.name else ("in", "input", False, False)
    assert verdicts(kind.run(model)) == [expected]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_guardrails_of_a_config_on_embeddings(
    mode: str, portkey_gateway_url: str, target: Any
) -> None:
    config = target(input_guardrails=guard("Hi", "in"))
    client = Client(gateway_url=portkey_gateway_url, portkey_config=config)
    request = EmbeddingRequest(model="mistral-embed", inputs=["Hi"])
    response = client.embed(request) if mode == "sync" else await client.aembed(request)
    assert [(v.id, v.side, v.verdict) for v in response.infos[0].guardrails] == [
        ("in", "input", False)
    ]
