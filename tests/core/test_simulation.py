"""Simulated requests follow the same plan as real ones."""

from __future__ import annotations

import pytest

from portkey_mistral.config import Config
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.simulation import Behaviour, simulate


def target(**fields):
    return {"provider": "mistral-ai", "api_key": "sk-very-secret", **fields}


def route(mode, *targets, **strategy):
    return {"strategy": {"mode": mode, **strategy}, "targets": list(targets)}


FALLBACK = route("fallback", target(name="first"), target(name="second"))


def shares(played):
    return [figures.share for figures in played.targets]


def test_without_failures_the_first_target_gets_everything():
    played = simulate(FALLBACK, 200)
    assert (played.requests, played.answered, played.sends) == (200, 200, 200)
    assert shares(played) == [1.0, 0.0]
    assert [figures.success_rate for figures in played.targets] == [1.0, None]
    assert played.median == pytest.approx(1.0, rel=0.1)
    assert played.slow == pytest.approx(1.64, rel=0.2)


def test_failures_fall_back():
    played = simulate(FALLBACK, 2000, targets={"first": Behaviour(failures={429: 0.3})})
    first, second = played.targets
    assert played.success_rate == 1.0
    assert first.success_rate == pytest.approx(0.7, abs=0.03)
    assert second.share == pytest.approx(0.3, abs=0.03)
    assert played.sends == first.sends + second.sends == 2000 + second.requests


def test_retries_are_counted_and_waited_for():
    config = route("single", target(retry={"attempts": 3}))
    behaviour = {"config.targets[0]": Behaviour(failures={429: 0.3})}
    played = simulate(config, 2000, targets=behaviour)
    assert played.success_rate == pytest.approx(1 - 0.3**4, abs=0.01)
    assert played.sends / 2000 == pytest.approx(1 + 0.3 + 0.09 + 0.027, abs=0.05)
    assert played.slow > 2


def test_retry_after_is_waited_for():
    retry = {"attempts": 1, "use_retry_after_header": True}
    behaviour = Behaviour(failures={429: 1.0}, retry_after=20)
    played = simulate(target(retry=retry), 50, targets={"config": behaviour})
    assert played.answered == 0
    assert played.median == pytest.approx(22, abs=0.5)


def test_weights_are_shares_of_traffic():
    config = route("loadbalance", target(weight=3), target(weight=1), target(weight=0))
    assert shares(simulate(config, 4000)) == pytest.approx([0.75, 0.25, 0], abs=0.03)


def test_a_slow_target_runs_into_its_time_limit():
    config = route("fallback", target(name="slow", request_timeout=2000), target())
    played = simulate(config, 500, targets={"slow": Behaviour(latency=60)})
    assert played.targets[0].answered == 0
    assert played.targets[0].median == pytest.approx(2.0)
    assert played.targets[1].answered == 500


@pytest.mark.parametrize(
    ("failure", "codes", "second"),
    [("reset", [500], 1), ("refused", [503], 0), ("timeout", [500], 1), (503, [503], 1)],
)
def test_failures_have_the_status_of_real_calls(failure, codes, second):
    config = route("fallback", target(name="a"), target(), on_status_codes=codes)
    played = simulate(config, 20, targets={"a": Behaviour(failures={failure: 1.0})})
    assert shares(played) == [1, second]


def test_an_open_breaker_keeps_traffic_away():
    breaker = {"failure_threshold": 5, "cooldown_interval": 30000, "failure_status_codes": [503]}
    config = route("fallback", target(name="ill", cb_config=breaker), target())
    played = simulate(config, 3000, targets={"ill": Behaviour(failures={503: 1.0})}, rate=10)
    ill, well = played.targets
    # 300 seconds: five failures, and what was on its way with them, then one probe every 30 seconds.
    assert 5 <= ill.sends < 40
    assert ill.breaker_open > 0.9
    assert well.breaker_open is None
    assert played.success_rate == 1.0


CONDITIONS = [
    {"query": {"metadata.tier": "paid"}, "then": "paid"},
    {"query": {"params.max_tokens": {"$gt": 100}}, "then": "long"},
]
CONDITIONAL = route(
    "conditional",
    target(name="paid"),
    target(name="long"),
    target(name="rest"),
    conditions=CONDITIONS,
    default="rest",
)


def test_conditions_test_the_given_traffic():
    traffic = {"metadata.tier": {"paid": 0.2, "free": 0.8}, "params.max_tokens": {500: 0.5}}
    assert shares(simulate(CONDITIONAL, 4000, traffic=traffic)) == pytest.approx(
        [0.2, 0.4, 0.4], abs=0.03
    )
    assert shares(simulate(CONDITIONAL, 10, traffic={"metadata.tier": "paid"})) == [1, 0, 0]


def test_a_request_without_a_matching_condition_is_not_answered():
    config = route("conditional", target(name="paid"), conditions=CONDITIONS[:1])
    played = simulate(config, 10)
    assert (played.answered, played.sends, played.median) == (0, 0, None)


def test_the_same_seed_gives_the_same_figures():
    behaviours = {"first": Behaviour(failures={500: 0.5})}
    one, two = (simulate(FALLBACK, 300, targets=behaviours, seed=7) for _ in range(2))
    assert one == two
    assert simulate(FALLBACK, 300, targets=behaviours, seed=8) != one


def test_the_behaviour_of_a_strategy_is_the_default_of_its_targets():
    inner = route("loadbalance", target(name="a"), target(name="b")) | {"name": "inner"}
    config = route("fallback", inner, target(name="c"))
    by_target = {
        "inner": Behaviour(latency=3, failures={500: 1.0}),
        "b": Behaviour(failures={429: 0.5}),
    }
    a, b, c = simulate(config, 1000, targets=by_target).targets
    assert a.success_rate == 0
    assert b.success_rate == pytest.approx(0.5, abs=0.06)
    assert a.median == pytest.approx(3, rel=0.1)
    assert b.median == pytest.approx(3, rel=0.1)
    assert c.median == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": {"frist": Behaviour()}}, "no target 'frist'; did you mean 'first'"),
        ({"targets": {"xyz": Behaviour()}}, "no target 'xyz'; it has config, config.targets[0]"),
        ({"traffic": {"tier": "paid"}}, "'metadata.<key>' and 'params.<key>', not 'tier'"),
        ({"requests": 0}, "requests must be at least 1"),
        ({"rate": 0}, "and rate above 0"),
        ({"config": "pc-mine"}, "stored at Portkey"),
        ({"config": {"strategy": {"mode": "falback"}, "targets": [{}]}}, "fallback"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigurationError) as caught:
        simulate(**{"config": FALLBACK, **arguments})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "fields", [{"failures": {429: 0.7, 500: 0.7}}, {"failures": {429: -1}}, {"latency": -1}]
)
def test_an_invalid_behaviour_is_refused(fields):
    with pytest.raises(ConfigurationError):
        Behaviour(**fields)


def test_it_is_shown_in_notebooks():
    played = simulate(FALLBACK, 1000, targets={"first": Behaviour(failures={429: 0.3})})
    picture, page = played.to_svg(), played._repr_html_()
    assert picture == played._repr_svg_()
    assert played.summary in picture
    assert picture in page
    assert page.count("<tr>") == 3
    assert "config.targets[1]" in str(played)
    assert "secret" not in picture + page + str(played) + repr(played)


def test_a_config_is_not_changed_by_a_simulation():
    config = Config.parse(FALLBACK)
    before = config.fingerprint
    assert simulate(config, 10).config is config
    assert config.fingerprint == before
