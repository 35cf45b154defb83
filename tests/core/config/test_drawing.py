from __future__ import annotations

from typing import Any

from portkey_mistral.config import Config

ROUTE: dict[str, Any] = {
    "strategy": {"mode": "fallback", "on_status_codes": [429, 503]},
    "retry": {"attempts": 2},
    "targets": [
        {
            "name": "main",
            "override_params": {"model": "mistral-large-latest"},
            "retry": {"attempts": 1},
        },
        {
            "strategy": {"mode": "loadbalance", "failover": True, "skip": ["context"]},
            "targets": [
                {"provider": "openai", "weight": 3, "request_timeout": 2500},
                {
                    "weight": 1,
                    "strategy": {
                        "mode": "conditional",
                        "conditions": [
                            {"query": {"metadata.tier": {"$in": ["a", "b"]}}, "then": "own"},
                            {
                                "query": {"$or": [{"params.n": 1}, {"params.n": {"$gt": 4}}]},
                                "then": "own",
                            },
                        ],
                        "default": "rest",
                    },
                    "targets": [
                        {"name": "own", "custom_host": "http://localhost:8000/v1"},
                        {"name": "rest", "retry": {"attempts": 2, "on_status_codes": [500]}},
                        {"mistral_fim_completion": "true", "cache": {"mode": "simple"}},
                    ],
                },
            ],
        },
        {
            "strategy": {"mode": "single", "cb_config": {"failure_threshold": 2}},
            "targets": [{}, {}],
        },
    ],
}

TREE = """\
fallback  on 429, 503
├─ 1.  mistral-ai mistral-large-latest (main)  1 retry
├─ 2.  loadbalance  failover on any failure  skip by context
│  ├─ 75 %  openai  2 retries  timeout 2.5 s
│  └─ 25 %  conditional
│     ├─ if metadata.tier in ['a', 'b'] / if (params.n = 1 or params.n > 4)  mistral-ai (own)  at http://localhost:8000/v1  2 retries
│     ├─ else  mistral-ai (rest)  2 retries on 500
│     └─ never  mistral-ai  fill-in-the-middle only  2 retries  cache simple
└─ 3.  single
   ├─ always  mistral-ai  2 retries  breaker, 30 s
   └─ never  mistral-ai  2 retries  breaker, 30 s"""


def test_the_tree_as_text() -> None:
    assert Config.parse(ROUTE).explain() == TREE


def test_one_target() -> None:
    assert Config.parse({}).explain() == "mistral-ai"


def test_mermaid_draws_each_node_once_and_joins_it_to_its_parent() -> None:
    lines = Config.parse(ROUTE).to_mermaid().splitlines()
    assert lines[0] == "flowchart TD"
    assert lines[1] == '    n0{{"fallback<br/>on 429, 503"}}'
    assert lines[2] == '    n1["mistral-ai mistral-large-latest (main)<br/>1 retry"]'
    assert lines[3] == '    n0 -->|"1."| n1'
    nodes = [line for line in lines[1:] if "-->" not in line]
    arrows = [line for line in lines[1:] if "-->" in line]
    assert len(nodes) == len(arrows) + 1 == 11


def test_mermaid_escapes_what_a_user_wrote() -> None:
    config = Config.parse({"name": 'a"]; click <b>&#35;', "override_params": {"model": 'm"'}})
    label = config.to_mermaid().splitlines()[1]
    assert label == '    n0["mistral-ai m&quot; (a&quot;]; click &lt;b&gt;&amp;#35;35;)"]'


def test_a_slug() -> None:
    config = Config.parse("pc-abc")
    assert config.explain() == "slug pc-abc"
    assert config.to_mermaid() == 'flowchart TD\n    n0["slug pc-abc"]'


def test_weights_are_shown_as_shares_of_what_can_be_chosen() -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{"weight": 0}, {"weight": 1}, {}]}
    text = Config.parse(config).explain()
    assert [line.split()[1:3] for line in text.splitlines()[1:]] == [
        ["0", "%"],
        ["50", "%"],
        ["50", "%"],
    ]


TODAY: dict[str, Any] = {
    "strategy": {
        "mode": "loadbalance",
        "sticky": {"enabled": True, "hash_fields": ["metadata.user_id", "headers.x-a"], "ttl": 900},
    },
    "default_params": {"max_tokens": 64, "temperature": 0.2},
    "input_guardrails": [
        "pg-len",
        {"id": "pg-x", "deny": True},
        {"default.contains": {"words": ["secret word"]}, "deny": True},
        {"deny": True},
    ],
    "targets": [
        {
            "override_params": {"model": "m", "top_p": 1, "stop": ["secret word"]},
            "drop_params": ["logprobs", "tools[*].function.strict"],
            "forward_headers": ["x-tenant", {"from": "x-a", "to": "x-b"}],
            "before_request_hooks": [{"id": "hook-1"}],
        },
        {"passthrough": True, "strict_open_ai_compliance": False},
        {"provider": "bedrock", "aws_region": "eu", "aws_secret_access_key": "secret word"},
        {"prompt_id": "pp-1", "deployments": [{"alias": "secret word"}]},
    ],
}

TREE_OF_TODAY = """\
loadbalance  sticky by metadata.user_id, headers.x-a, 900 s
├─ 25 %  mistral-ai m  defaults max_tokens, temperature  overrides top_p, stop  drops logprobs, tools[*].function.strict  \
forwards x-tenant, x-a as x-b  input_guardrails pg-len, pg-x, default.contains, inline  before_request_hooks hook-1
├─ 25 %  the request's provider  defaults max_tokens, temperature  input_guardrails pg-len, pg-x, default.contains, inline  \
strict_open_ai_compliance false
├─ 25 %  bedrock  defaults max_tokens, temperature  input_guardrails pg-len, pg-x, default.contains, inline  \
aws_region  aws_secret_access_key
└─ 25 %  mistral-ai  defaults max_tokens, temperature  input_guardrails pg-len, pg-x, default.contains, inline  \
prompt_id pp-1  deployments"""


def test_recent_keys_are_drawn_by_name() -> None:
    config = Config.parse(TODAY)
    assert config.explain() == TREE_OF_TODAY
    for picture in (config.to_mermaid(), config.to_svg()):
        for name in ("sticky", "defaults", "drops", "forwards", "input_guardrails", "pp-1"):
            assert name in picture
        assert "secret word" not in picture


def test_recent_keys_are_dumped_unchanged() -> None:
    config = Config.parse(TODAY)
    assert config.to_dict(secrets=True) == TODAY
    assert Config.parse(config.to_dict(secrets=True)) == config
