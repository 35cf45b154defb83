"""Calls under a budget: refused before they are sent, reserved by estimate, settled by what they cost."""

from __future__ import annotations

import pickle
from decimal import Decimal
from itertools import count

import httpx
import pytest

from kinds import KINDS, STREAMED, ask
from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral.errors import BudgetExceededError as LangChainsError
from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    Budget,
    BudgetExceededError,
    CallOptions,
    Client,
    ConfigurationError,
    EmbeddingRequest,
    models,
)
from portkey_mistral.models import Price
from portkey_mistral.sandbox import Sandbox
from scripted import answer, network, stream

ALL = [*KINDS, *STREAMED]
# A call is estimated at 3 tokens in and these out, and costs 10 in and 5 out.
PRICE, OUTPUT = Decimal("0.0000045"), 100
ESTIMATE = Decimal("0.00006045")
_numbers = count()


@pytest.fixture(params=ALL, ids=str)
def kind(request):
    return request.param


@pytest.fixture
def state():
    """The URL of a store that no other test uses."""
    return f"memory:budgets-{next(_numbers)}"


def replied(kind):
    return stream({"content": "Hi"}) if kind in STREAMED else answer("Hi")


def client(net, state, usd, **fields):
    budget = fields.pop("budget", Budget(usd, output_tokens=OUTPUT))
    return Client(**({"api_key": "k", "state": state, "budget": budget} | net.clients | fields))


def spent(opened):
    """What the budget has counted: a request over all of it tells."""
    strict = opened.settings.model_copy(update={"budget": Budget(0)})
    with pytest.raises(BudgetExceededError) as error:
        Client(strict).chat(ask())
    return error.value.spent


def test_a_call_that_would_exceed_the_budget_is_not_sent(kind, state):
    net = network(replied(kind), replied(kind))
    opened = client(net, state, usd=ESTIMATE + 2 * PRICE - Decimal("1e-9"))
    for _ in range(2):
        kind.run(opened, ask(), None)
    with pytest.raises(BudgetExceededError) as error:
        kind.run(opened, ask(), None)
    assert len(net.requests) == 2
    refused = error.value
    assert (refused.spent, refused.estimate, refused.limit) == (
        2 * PRICE,
        ESTIMATE,
        ESTIMATE + 2 * PRICE - Decimal("1e-9"),
    )
    assert (refused.key, refused.per, refused.resets_at) == ("", None, None)
    assert [(each.status, each.cost.amount) for each in refused.attempts] == [(None, 0)]
    assert "$0.000009 is spent" in str(refused)
    assert pickle.loads(pickle.dumps(refused)).estimate == ESTIMATE


def test_what_was_reserved_is_settled_by_what_it_cost(kind, state):
    opened = client(network(replied(kind)), state, usd=1)
    kind.run(opened, ask(), None)
    assert spent(opened) == PRICE


def test_a_refusal_of_the_server_gives_the_money_back(kind, state):
    opened = client(network(httpx.Response(400, json={"message": "no"})), state, usd=1)
    with pytest.raises(APIStatusError):
        kind.run(opened, ask(), None)
    assert spent(opened) == 0
    assert opened.usage() == []


def test_a_server_that_cannot_be_reached_gives_the_money_back(kind, state):
    opened = client(network(httpx.ConnectError("refused")), state, usd=1, max_retries=0)
    with pytest.raises(APIConnectionError) as error:
        kind.run(opened, ask(), None)
    assert error.value.cost.amount == 0
    assert spent(opened) == 0
    assert opened.usage() == []


def test_an_attempt_that_may_have_been_billed_stays_counted(kind, state):
    net = network(httpx.ReadTimeout("late"), httpx.ConnectTimeout("late"), replied(kind))
    opened = client(net, state, usd=1, max_retries=0)
    for _ in range(2):
        with pytest.raises(APITimeoutError):
            kind.run(opened, ask(), None)
    assert spent(opened) == ESTIMATE  # the one that connected
    kind.run(opened, ask(), None)
    assert spent(opened) == ESTIMATE + PRICE


def test_a_retry_is_charged_again_and_refused_without_room(kind, state):
    net = network(httpx.ReadTimeout("late"), replied(kind))
    retried = {"retry": {"attempts": 2, "on_status_codes": [500, 408, 503]}}
    opened = client(net, state, usd=ESTIMATE, portkey_config=retried)
    with pytest.raises(BudgetExceededError) as error:
        kind.run(opened, ask(), None)
    assert len(net.requests) == 1
    assert [each.status for each in error.value.attempts] == [500, None]
    assert error.value.cost is None  # of the first attempt nobody knows


def test_a_fallback_to_a_dearer_model_is_refused_without_room(kind, state):
    targets = [{}, {"override_params": {"model": "mistral-large-2512"}}]
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"provider": "mistral-ai", "api_key": "k"} | each for each in targets],
    }
    net = network(httpx.Response(503, json={"message": "busy"}), replied(kind))
    opened = client(net, state, usd=ESTIMATE, portkey_config=config)
    with pytest.raises(BudgetExceededError) as error:
        kind.run(opened, ask(), None)
    assert len(net.requests) == 1
    assert error.value.estimate > ESTIMATE
    assert spent(opened) == 0


def test_a_budget_ends_the_call_and_not_the_target(state):
    """No fallback is tried for it, and no circuit breaker counts it."""
    breaker = {"cb_config": {"failure_threshold": 1, "cooldown_interval": 60_000}}
    target = {"provider": "mistral-ai", "api_key": "k"} | breaker
    config = {"strategy": {"mode": "fallback"}, "targets": [target, target]}
    opened = client(network(answer("Hi")), state, usd=0, portkey_config=config)
    for _ in range(2):
        with pytest.raises(BudgetExceededError) as error:
            opened.chat(ask())
        assert len(error.value.attempts) == 1
    opened.settings.budget = None
    assert opened.chat(ask()).text == "Hi"


def test_several_budgets_at_once(state):
    budgets = [
        Budget(1, per="month", key="team", output_tokens=OUTPUT),
        Budget(ESTIMATE, per="day", key="metadata.user_id", output_tokens=OUTPUT),
    ]
    opened = client(network(*[answer("Hi")] * 3), state, usd=None, budget=budgets)
    ada, bob = (CallOptions(portkey_metadata={"user_id": name}) for name in ("ada", "bob"))
    opened.chat(ask(), ada)
    with pytest.raises(BudgetExceededError, match=r"per day of 'metadata.user_id=ada'") as error:
        opened.chat(ask(), ada)
    assert error.value.resets_at is not None
    assert opened.chat(ask(), bob).text == "Hi"
    with pytest.raises(ConfigurationError, match="user_id"):
        opened.chat(ask())
    # A budget that refused a call charged it to no other.
    rows = {row.key: row.cost for row in opened.usage()}
    assert rows == {
        "": 2 * PRICE,
        "team": 2 * PRICE,
        "metadata.user_id=ada": PRICE,
        "metadata.user_id=bob": PRICE,
    }


@pytest.mark.parametrize(
    ("fields", "estimate"),
    [
        ({"max_tokens": 10}, "0.00000645"),
        ({"n": 2}, "0.00012045"),
        ({"service_tier": "auto"}, "0.0001057875"),
        ({"model": "mistral-large-2512"}, "0.0001515"),
    ],
)
def test_the_estimate_follows_the_request(state, fields, estimate):
    with pytest.raises(BudgetExceededError) as error:
        client(network(), state, usd=0).chat(ask(**fields))
    assert error.value.estimate == Decimal(estimate)


def test_a_model_without_a_known_price_needs_one(state):
    opened = client(network(answer("Hi"), answer("Hi")), state, usd=1)
    with pytest.raises(ConfigurationError, match=r"no-such-model.*set_price"):
        opened.chat(ask(model="no-such-model"))
    models.set_price("no-such-model", Price(1, 1))
    try:
        opened.chat(ask(model="no-such-model"))
    finally:
        models.set_price("no-such-model", None)
    counting = client(network(answer("Hi", model="x")), state, usd=1, budget=Budget(None))
    counting.chat(ask(model="no-such-model"))
    assert [row.unknown for row in counting.usage() if row.model == "no-such-model"] == [1]
    behind_a_slug = client(
        network(), state, usd=1, portkey_api_key="pk", provider="@team", api_key=None
    )
    with pytest.raises(ConfigurationError, match=r"is not known: no-such-model\. Set it"):
        behind_a_slug.chat(ask(model="no-such-model"))


def test_through_a_gateway_the_dearest_target_is_reserved(state):
    targets = [{}, {"override_params": {"model": "mistral-large-2512"}}]
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"provider": "mistral-ai", "api_key": "k"} | each for each in targets],
    }
    opened = client(
        network(), state, usd=0, portkey_config=config, gateway_url="http://localhost:8787/v1"
    )
    with pytest.raises(BudgetExceededError) as error:
        opened.chat(ask())
    assert error.value.estimate == Decimal("0.0001515")


def test_an_embedding_job_keeps_what_is_done(mistral_sandbox: Sandbox, state):
    request = EmbeddingRequest(model="mistral-embed", inputs=["some words"] * 1024)
    # 512 texts a request, estimated at 4 tokens each.
    opened = Client(base_url="sandbox:", state=state, budget=Budget(0.00025), max_concurrency=1)
    with pytest.raises(BudgetExceededError) as error:
        opened.embed(request)
    assert len(error.value.completed or ()) == 512


def test_both_frameworks_raise_it(state):
    fields = {"api_key": "k", "budget": Budget(0), "state": state} | network().clients
    with pytest.raises(LangChainsError, match=r"The budget of \$0 has no room") as error:
        ChatPortkeyMistral(**fields).invoke("Hi")
    assert isinstance(error.value, BudgetExceededError)
    with pytest.raises(BudgetExceededError):
        PortkeyMistral(**fields).complete("Hi")


def test_an_object_is_rebuilt_with_its_budget():
    chat = ChatPortkeyMistral(base_url="sandbox:", budget=[{"usd": 5, "per": "day"}])
    assert chat.budgets == (Budget(Decimal(5), per="day"),)
    fields = {name: getattr(chat, name) for name in type(chat).model_fields}
    assert type(chat)(**fields).budgets == chat.budgets
    assert pickle.loads(pickle.dumps(chat)).budgets == chat.budgets
    with pytest.raises(ConfigurationError, match="usd must be"):
        ChatPortkeyMistral(base_url="sandbox:", budget={"usd": -5})
