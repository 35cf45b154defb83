"""The whole chain: client, stand-in of the control plane, the real open-source gateway, sandboxes."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from hosted_portkey import ACCOUNT, account, chat
from portkey_mistral import sandbox as sandboxes
from portkey_mistral.sandbox import Fault
from portkey_mistral.sandbox.portkey import parse

pytestmark = pytest.mark.gateway

KEY = {"x-portkey-api-key": "pk"}
SLUG = {"x-portkey-provider": "@mistral-prod"}
NON_STRICT = {"x-portkey-strict-open-ai-compliance": "false"}
FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "@mistral-prod"}, {"provider": "@mistral-eu"}],
}


@pytest.fixture
def portkey_account():
    return ACCOUNT


@pytest.fixture
def use(portkey_sandbox):
    """Play the account with changed sections."""
    return lambda **sections: portkey_sandbox.use(parse(account(**sections)))


@pytest.fixture
def post(portkey_sandbox):
    # Reading certificates takes longer than a test, and plain HTTP needs none.
    with httpx.Client(
        base_url=portkey_sandbox.url, headers=KEY, timeout=30, verify=False
    ) as client:

        def post(body=None, *, path="/chat/completions", config=None, **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if config is not None:
                text = config if isinstance(config, str) else json.dumps(config)
                named["x-portkey-config"] = text
            return client.post(path, json=chat() if body is None else body, headers=named)

        yield post


@pytest.fixture
def hits(portkey_sandbox):
    """Return what reached the provider of a slug."""
    return lambda slug: portkey_sandbox.provider(slug).requests


def events(response):
    return [
        line.removeprefix("data: ")
        for line in response.text.split("\n\n")
        if line.startswith("data")
    ]


# --- naming a provider ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"body": chat("@mistral-prod/mistral-small-latest")},
        {"x_portkey_provider": "@mistral-prod"},
        {"x_portkey_virtual_key": "mistral-prod"},
        {"config": {"provider": "@mistral-prod"}},
        {"config": {"virtual_key": "mistral-prod"}},
        {"config": {"override_params": {"model": "@mistral-prod/mistral-small-latest"}}},
        {"config": {"retry": {"attempts": 1}}, "x_portkey_virtual_key": "mistral-prod"},
        {"config": "pc-retry", "x_portkey_provider": "@mistral-prod"},
        {"config": "pc-eu-1a"},
    ],
)
def test_every_form_reaches_the_provider_with_its_stored_key(post, hits, sent):
    response = post(**sent)
    (hit,) = hits("mistral-prod")
    assert response.status_code == 200
    assert hit.headers["authorization"] == "Bearer sk-m"
    assert hit.body["model"] == "mistral-small-latest"
    assert response.headers["x-portkey-provider"] == "mistral-ai"
    assert response.headers["x-portkey-trace-id"]


def test_a_raw_provider_and_its_key(post):
    post(x_portkey_provider="mistral-ai", authorization="Bearer sk-own")
    (hit,) = sandboxes.get().requests
    assert hit.headers["authorization"] == "Bearer sk-own"


@pytest.mark.parametrize(
    "sent",
    [
        {"x_portkey_provider": "mistral-ai"},
        {"x_portkey_provider": "openai"},
        # The virtual key is left out where the config names a provider.
        {
            "config": {"provider": "mistral-ai", "retry": {"attempts": 0}},
            "x_portkey_virtual_key": "mistral-prod",
        },
    ],
)
def test_a_raw_provider_without_a_key_is_refused_by_the_provider(post, sent):
    refused = post(**sent)
    assert refused.status_code == 401
    assert "Unauthorized" in refused.text


def test_nothing_but_a_portkey_key(post, use):
    text = "Either x-portkey-config or x-portkey-provider header is required"
    refused = post()
    assert (refused.status_code, refused.json()["message"]) == (400, text)
    assert refused.headers["x-portkey-trace-id"]
    use(keys={"pk": {"defaults": {"config_id": "pc-eu-1a"}}})
    assert post().status_code == 200


def test_a_config_that_is_none_is_refused_by_the_gateways_validator(post):
    refused = post(config="nonsense", x_portkey_provider="@mistral-prod")
    assert refused.status_code == 400
    assert "valid json" in refused.json()["message"]


def test_a_prompt(post, hits):
    response = post({"variables": {"what": "a trip"}}, path="/prompts/pp-plan-1a2b/completions")
    assert response.json()["choices"]
    (hit,) = hits("mistral-prod")
    assert hit.body["messages"] == [{"role": "user", "content": "Plan a trip."}]
    assert hit.body["temperature"] == 0.1
    assert not hit.body.get("stream")


def test_models_of_a_provider(portkey_sandbox, hits):
    response = httpx.get(f"{portkey_sandbox.url}/models", headers={**KEY, **SLUG})
    assert "mistral-large-latest" in [model["id"] for model in response.json()["data"]]
    assert [hit.path for hit in hits("mistral-prod")] == ["/v1/models"]


def test_embeddings_and_fill_in_the_middle(post, hits, use):
    use(providers={"mistral-prod": {"provider": "mistral-ai"}})
    embedded = post(
        {"model": "mistral-embed", "input": ["a"]},
        path="/embeddings",
        x_portkey_provider="@mistral-prod",
    )
    filled = post(
        {"model": "codestral-latest", "prompt": "def f("},
        path="/fim/completions",
        x_portkey_provider="@mistral-prod",
    )
    assert (embedded.status_code, filled.status_code) == (200, 200)
    assert [hit.path for hit in hits("mistral-prod")] == ["/v1/embeddings", "/v1/fim/completions"]


# --- policies are answers of a target, those of a key are not ---------------------------------------------

LARGE = chat("mistral-large-latest")
SPENT = {"usage_limits": {"type": "tokens", "credit_limit": 0}}
BUSY = {"rate_limits": [{"type": "requests", "unit": "rpw", "value": 0}]}


@pytest.mark.parametrize(
    ("policy", "status"),
    [({"models": []}, 412), (SPENT, 412), (BUSY, 429), ({"expired": True}, 401)],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/proxy/chat/completions"])
def test_a_policy_in_portkeys_own_shape(post, hits, use, policy, status, path):
    use(providers={"mistral-prod": {"provider": "mistral-ai", **policy}})
    refused = post(path=path, x_portkey_provider="@mistral-prod")
    assert refused.status_code == status
    assert refused.json()["error"].keys() == {"message", "type", "param", "code"}
    assert hits("mistral-prod") == []


@pytest.mark.parametrize("policy", [{"models": []}, SPENT, BUSY, {"expired": True}])
def test_a_fallback_tries_its_next_target(post, hits, use, policy):
    use(providers={"mistral-prod": {"provider": "mistral-ai", **policy}})
    response = post(config=FALLBACK)
    assert response.status_code == 200
    assert response.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert len(hits("mistral-eu")) == 1


@pytest.mark.parametrize("policy", [{"models": []}, BUSY])
def test_it_comes_before_the_loop_of_retries(post, use, policy):
    use(providers={"mistral-prod": {"provider": "mistral-ai", **policy}})
    retry = {"attempts": 1, "on_status_codes": [412, 429]}
    refused = post(config={"provider": "@mistral-prod", "retry": retry})
    assert refused.headers["x-portkey-retry-attempt-count"] == "0"


def test_a_fallback_can_be_configured_to_stop_at_it(post, hits):
    strategy = {"mode": "fallback", "on_status_codes": [503]}
    refused = post(LARGE, config={**FALLBACK, "strategy": strategy})
    assert refused.json()["error"]["type"] == "model_not_allowed_error"
    assert hits("mistral-eu") == []


def test_a_providers_own_429_stays_the_providers(post, portkey_sandbox):
    portkey_sandbox.provider("mistral-prod").fail(429, times=None)
    refused = post(x_portkey_provider="@mistral-prod")
    assert refused.json()["provider"] == "mistral-ai"
    assert "mistral-ai error" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("policy", "status"), [(SPENT, 412), (BUSY, 429), ({"expired": True}, 401)]
)
def test_no_fallback_helps_a_key(post, hits, use, policy, status):
    use(keys={"pk": policy})
    refused = post(config=FALLBACK)
    assert (refused.status_code, refused.json()["status"]) == (status, "failure")
    assert hits("mistral-prod") == hits("mistral-eu") == []


def test_an_unknown_slug_in_a_target_that_would_not_be_called(post, hits):
    refused = post(config={**FALLBACK, "targets": [*FALLBACK["targets"], {"virtual_key": "gone"}]})
    assert refused.status_code == 400
    assert refused.json() == {"status": "failure", "message": "Following keys are not valid: gone"}
    assert hits("mistral-prod") == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_budget_is_spent_by_answers(post, use, stream):
    budget = {"usage_limits": {"type": "tokens", "credit_limit": 1}}
    use(providers={"mistral-prod": {"provider": "mistral-ai", **budget}}, keys={"pk": {}})
    body = chat(stream=stream)
    statuses = [post(body, x_portkey_provider="@mistral-prod").status_code for _ in range(2)]
    assert statuses == [200, 412]
    use(keys={"pk": budget})
    statuses = [post(body, x_portkey_provider="@mistral-prod").status_code for _ in range(2)]
    assert statuses == [200, 412]


def test_a_rate_counts_calls_of_the_provider(post, use):
    rate = {"rate_limits": [{"type": "requests", "unit": "rpw", "value": 2}]}
    use(providers={"mistral-prod": {"provider": "mistral-ai", **rate}})
    statuses = [post(x_portkey_provider="@mistral-prod").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_a_passthrough_target(post, hits):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"passthrough": True}, {"provider": "@mistral-eu"}],
    }
    assert post(config=config, x_portkey_provider="@mistral-prod").status_code == 200
    assert len(hits("mistral-prod")) == 1
    went_on = post(config=config)
    assert went_on.headers["x-portkey-last-used-option-index"] == "config.targets[1]"


# --- what reaches the provider ----------------------------------------------------------------------------


def test_parameters_of_the_config(post, hits):
    leaf = {"provider": "@mistral-prod", "drop_params": ["tools[*].function.strict", "top_p"]}
    tool = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}
    config = {
        "strategy": {"mode": "single"},
        "default_params": {"max_tokens": 64, "temperature": 0.1},
        "override_params": {"safe_prompt": True},
        "targets": [leaf],
    }
    post(chat(temperature=0.9, top_p=0.5, tools=[tool]), config=config)
    (hit,) = hits("mistral-prod")
    sent = {"max_tokens": 64, "temperature": 0.9, "safe_prompt": True}
    assert hit.body.items() >= sent.items()
    assert "top_p" not in hit.body
    assert hit.body["tools"][0]["function"] == {"name": "f", "parameters": {}}


def test_response_format_is_carried_on_the_unified_route(post, hits):
    wanted = {"type": "json_object"}
    post(chat(response_format=wanted), x_portkey_provider="@mistral-prod")
    assert hits("mistral-prod")[0].body["response_format"] == wanted


def test_headers_that_are_forwarded_and_stored(post, hits, use):
    stored = {"provider": "mistral-ai", "headers": {"X-Team": "search"}}
    use(providers={"mistral-prod": stored})
    post(
        x_portkey_provider="@mistral-prod",
        x_portkey_forward_headers="x-tenant",
        x_tenant="t",
        x_secret="s",
    )
    (hit,) = hits("mistral-prod")
    assert (hit.headers["x-tenant"], hit.headers["x-team"]) == ("t", "search")
    assert "x-secret" not in hit.headers
    assert not [name for name in hit.headers if name.startswith("x-portkey")]


def test_a_header_in_any_encoding_goes_along(post, hits):
    forward = {"x-portkey-forward-headers": "x-tenant", "x-tenant": "日本".encode()}
    assert post(**SLUG, **forward).status_code == 200
    assert hits("mistral-prod")[0].headers["x-tenant"].encode("latin-1") == "日本".encode()


def test_conditions_see_the_merged_metadata(post, hits, use):
    use(keys={"pk": {"defaults": {"metadata": {"tier": "eu"}}}})
    targets = [
        {"name": "prod", "provider": "@mistral-prod"},
        {"name": "eu", "provider": "@mistral-eu"},
    ]
    conditions = [{"query": {"metadata.tier": {"$eq": "eu"}}, "then": "eu"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "prod"}
    post(
        config={"strategy": strategy, "targets": targets}, x_portkey_metadata='{"tier": "request"}'
    )
    assert (len(hits("mistral-prod")), len(hits("mistral-eu"))) == (0, 1)


def test_a_host_on_this_machine(post, use, mistral_sandbox_url):
    root = mistral_sandbox_url.removesuffix("/v1")
    own = {
        "provider": "mistral-ai",
        "custom_host": f"{root}/s/stored/v1",
        "headers": {"x-team": "a"},
    }
    budget = {"usage_limits": {"type": "tokens", "credit_limit": 1}}
    use(providers={"own": {**own, **budget}})
    streamed = post(chat(stream=True), x_portkey_provider="@own")
    assert events(streamed)[-1] == "[DONE]"
    assert sandboxes.get("stored").requests[0].headers["x-team"] == "a"
    assert post(x_portkey_provider="@own").status_code == 412
    post(x_portkey_provider="@mistral-prod", x_portkey_custom_host=f"{root}/s/header/v1")
    assert sandboxes.get("header").requests[0].headers["authorization"] == "Bearer sk-m"


def test_a_host_elsewhere_is_answered_by_the_sandbox(post, hits):
    post(
        x_portkey_provider="@mistral-prod", x_portkey_custom_host="https://codestral.mistral.ai/v1"
    )
    assert len(hits("mistral-prod")) == 1


def test_a_host_that_nobody_listens_on(post):
    refused = post(
        x_portkey_provider="@mistral-prod", x_portkey_custom_host="http://127.0.0.1:9/v1"
    )
    assert refused.status_code == 500


def test_a_provider_that_is_not_supported_never_leaves_the_machine(post):
    refused = post(x_portkey_provider="anthropic", authorization="Bearer k")
    assert refused.status_code == 501


def test_a_target_of_openai(post, portkey_sandbox):
    portkey_sandbox.provider("mistral-prod").fail(503, times=None)
    portkey_sandbox.provider("openai-prod").reply("From the other.")
    response = post({**chat("gpt-4o"), "max_completion_tokens": 64}, config="pc-eu-1a")
    assert response.json()["choices"][0]["message"]["content"] == "From the other."
    assert response.json()["model"] == "gpt-4o"
    assert response.headers["x-portkey-provider"] == "openai"


def test_a_config_longer_than_nodes_own_limit(post, hits):
    leaf = {"provider": "@mistral-prod", "override_params": {"stop": ["x" * 20_000]}}
    assert post(config={**FALLBACK, "targets": [leaf]}).status_code == 200


def test_faults_of_the_file(post, use):
    provider = {"provider": "mistral-ai", "faults": [{"status": 503, "times": 1}]}
    use(providers={"mistral-prod": provider})
    statuses = [post(x_portkey_provider="@mistral-prod").status_code for _ in range(2)]
    assert statuses == [503, 200]


# --- guardrails -------------------------------------------------------------------------------------------

SECRET = [{"role": "user", "content": "my secret"}]
FORBIDDEN = [{"role": "user", "content": "it is forbidden"}]


def verdicts(results, when):
    return [(hook["id"], hook["verdict"]) for hook in results[f"{when}_request_hooks"]]


@pytest.mark.parametrize("sent", [SLUG, {"x-portkey-config": "pc-eu-1a"}])
def test_a_soft_guardrail_of_the_organisation(post, use, sent):
    use(organisation={"input_guardrails": ["pg-org-1"]})
    response = post({**chat(), "messages": SECRET}, **sent)
    assert response.status_code == 246
    assert ("pg-org-1", False) in verdicts(response.json()["hook_results"], "before")


def test_a_denying_guardrail_of_the_organisation(post, hits, use):
    use(organisation={"input_guardrails": ["pg-deny"]})
    response = post({**chat(), "messages": FORBIDDEN}, **SLUG)
    assert response.status_code == 446
    assert response.json()["error"]["type"] == "hooks_failed"
    assert verdicts(response.json()["hook_results"], "before") == [("pg-deny", False)]
    assert hits("mistral-prod") == []


def test_a_denying_output_guardrail_is_paid_for(post, hits, use):
    use(organisation={"output_guardrails": ["pg-deny"]})
    sandboxes.get("mistral-prod").reply("forbidden")
    response = post(**SLUG)
    assert response.status_code == 446
    assert len(hits("mistral-prod")) == 1


def test_the_proxy_route_skips_guardrails(post, use):
    use(organisation={"input_guardrails": ["pg-deny"]})
    body = {**chat(), "messages": FORBIDDEN}
    assert post(body, path="/proxy/chat/completions", **SLUG).status_code == 200


def test_a_guardrail_that_is_only_logged(post):
    config = {"provider": "@mistral-prod", "input_guardrails": ["pg-logged"]}
    response = post({**chat(), "messages": [{"role": "user", "content": "x"}]}, config=config)
    assert (response.status_code, "hook_results" in response.json()) == (200, False)


def streamed(post, text="forbidden secret", **headers):
    sandboxes.get("mistral-prod").reply(text)
    response = post({**chat(stream=True), "messages": SECRET}, **SLUG, **headers)
    return response.status_code, events(response)


def test_verdicts_in_the_first_and_last_events_of_a_stream(post, use):
    use(
        organisation={
            "input_guardrails": ["pg-org-1"],
            "output_guardrails": ["pg-deny", "pg-logged"],
        }
    )
    status, came = streamed(post, **NON_STRICT)
    assert status == 246
    first, last = json.loads(came[0]), json.loads(came[-1])
    assert verdicts(first["hook_results"], "before") == [("pg-org-1", False)]
    assert came[-2] == "[DONE]"
    assert last.keys() == {"hook_results"}
    assert verdicts(last["hook_results"], "after") == [("pg-deny", False)]


def test_output_guardrails_of_the_target_that_answered(post, portkey_sandbox):
    portkey_sandbox.provider("mistral-prod").fail(503)
    portkey_sandbox.provider("mistral-eu").reply("a secret")
    second = {"provider": "@mistral-eu", "output_guardrails": ["pg-org-1"]}
    config = {
        **FALLBACK,
        "targets": [{"provider": "@mistral-prod", "output_guardrails": ["pg-deny"]}, second],
    }
    response = post(chat(stream=True), config=config, **NON_STRICT)
    assert response.status_code == 200
    last = json.loads(events(response)[-1])
    assert verdicts(last["hook_results"], "after") == [("pg-org-1", False)]


def test_strict_compliance_shows_no_verdicts_in_a_stream(post, use):
    use(organisation={"input_guardrails": ["pg-org-1"], "output_guardrails": ["pg-deny"]})
    status, came = streamed(post)
    assert status == 246
    assert came[-1] == "[DONE]"
    assert not [event for event in came if "hook_results" in event]


def test_a_stream_without_output_guardrails_ends_with_done(post):
    _, came = streamed(post, **NON_STRICT)
    assert came[-1] == "[DONE]"


def test_a_denied_stream_is_plain_json(post, use):
    use(organisation={"input_guardrails": ["pg-deny"]})
    response = post({**chat(stream=True), "messages": FORBIDDEN}, **SLUG)
    assert response.status_code == 446
    assert response.json()["error"]["type"] == "hooks_failed"


# --- connections, and what is seen ------------------------------------------------------------------------


def test_a_stream_comes_piece_by_piece(portkey_sandbox):
    box = portkey_sandbox.provider("mistral-prod")
    box.inject(Fault(event_delay=0.05))
    url = f"{portkey_sandbox.url}/chat/completions"
    body = chat(stream=True)
    with httpx.stream("POST", url, headers={**KEY, **SLUG}, json=body, timeout=30) as response:
        next(response.iter_raw())
        assert box.requests[-1].state == "open"


async def test_the_gateway_continues_after_its_client_disconnects(portkey_sandbox, hits):
    portkey_sandbox.provider("mistral-prod").inject(Fault(status=503, delay=0.5))
    url = f"{portkey_sandbox.url}/chat/completions"
    headers = {**KEY, "x-portkey-config": json.dumps(FALLBACK)}
    async with httpx.AsyncClient(timeout=30) as client:
        request = asyncio.create_task(client.post(url, headers=headers, json=chat()))
        await until(lambda: hits("mistral-prod"))
        request.cancel()
        await until(lambda: hits("mistral-eu"))


async def until(condition):
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


def test_a_provider_that_breaks_off(post):
    sandboxes.get("mistral-prod").inject(Fault(cut_after=3))
    response = post(chat(stream=True), **SLUG)
    assert response.status_code == 200  # the gateway ends a cut stream as if it were whole
    assert events(response)[-1] != "[DONE]"


def test_recorded_requests_have_masked_keys(portkey_sandbox, post):
    inline = {"provider": "mistral-ai", "api_key": "sk-inline-secret"}
    post(config=inline, authorization="Bearer sk-other-secret")
    url = f"{portkey_sandbox.url.removesuffix('/v1')}/requests"
    (request,) = httpx.get(url).json()
    assert (request["method"], request["path"]) == ("POST", "/v1/chat/completions")
    assert request["status"] == 200
    assert request["headers"]["x-portkey-api-key"] == "pk********pk"
    assert "secret" not in json.dumps(request)
    assert portkey_sandbox.requests[0].headers["x-portkey-config"] == json.dumps(inline)
    assert httpx.post(url).status_code == 405
    assert httpx.delete(url).json() == {"reset": True}
    assert portkey_sandbox.requests == []


def test_the_sandboxes_are_scripted_over_http_too(portkey_sandbox, post):
    root = portkey_sandbox.url.removesuffix("/v1")
    httpx.post(f"{root}/s/mistral-prod/faults", json={"status": 500})
    assert post(**SLUG).status_code == 500
    assert len(httpx.get(f"{root}/s/mistral-prod/requests").json()) == 1
