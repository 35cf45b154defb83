"""Requests to a sandbox as plain bodies, and its answers as plain JSON."""

from __future__ import annotations

import json

KEY = {"authorization": "Bearer key"}


def user(text):
    return {"role": "user", "content": text}


def assistant(text="", *calls, prefix=None):
    message = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = list(calls)
    if prefix is not None:
        message["prefix"] = prefix
    return message


def call(name="add", arguments="{}", tool_id="abcdefghi"):
    return {"id": tool_id, "function": {"name": name, "arguments": arguments}}


def result(text="5", tool_id="abcdefghi"):
    return {"role": "tool", "content": text, "tool_call_id": tool_id}


def tool(name, description="", /, required=None, **properties):
    wanted = list(properties) if required is None else required
    parameters = {"type": "object", "properties": properties, "required": wanted}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def chat_body(*messages, **fields):
    history = [user(each) if isinstance(each, str) else each for each in messages]
    return {"model": "mistral-small-latest", "messages": history, **fields}


def post(sandbox, path, body, headers=KEY):
    """Send a body, return status and decoded answer."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = sandbox.handle("POST", path, headers, sent)
    return reply.status, json.loads(reply.read())


def chat(sandbox, *messages, **fields):
    return post(sandbox, "/v1/chat/completions", chat_body(*messages, **fields))


def message_of(answer):
    status, body = answer
    assert status == 200, body
    return body["choices"][0]["message"]


def answer_text(sandbox, *messages, **fields):
    return message_of(chat(sandbox, *messages, **fields))["content"]


def called(sandbox, *messages, **fields):
    calls = message_of(chat(sandbox, *messages, **fields))["tool_calls"] or []
    return [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def events(sandbox, *messages, **fields):
    """Stream a chat, return its events as JSON; `[DONE]` stays text."""
    body = json.dumps(chat_body(*messages, stream=True, **fields)).encode()
    raw = sandbox.handle("POST", "/v1/chat/completions", KEY, body).read()
    payloads = [block.removeprefix(b"data: ") for block in raw.split(b"\n\n") if block]
    return [p.decode() if p == b"[DONE]" else json.loads(p) for p in payloads]
