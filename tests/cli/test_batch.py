"""`portkey-mistral batch`: from a file of requests to one of results, in one command or several."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from command_line import Done, command
from pdfs import as_part, pdf_of
from portkey_mistral import ClassificationRequest, Client, OCRRequest
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.sandbox import Fault, Sandbox

CHAT = {
    "model": "mistral-small-latest",
    "messages": [{"role": "user", "content": "Say exactly: a"}],
}
PDF = f"data:application/pdf;base64,{b64encode(make_pdf([['Invoice 17']])).decode()}"


@pytest.fixture
def server(
    mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Sandbox]:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    monkeypatch.chdir(tmp_path)
    return mistral_sandbox


def run(name: str, *options: str, stdin: str = "") -> Done:
    return command("batch", "run", name, "--poll", "0.01", *options, stdin=stdin)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def write(name: str, *rows: object) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_prompts_become_answers(server: Sandbox) -> None:
    Path("prompts.txt").write_text("Say exactly: one\n\nSay exactly: two\n")
    done = run("prompts.txt", "-m", "mistral-small-latest", "-s", "Be brief.", "-o", "out.jsonl")
    assert (done.status, done.out) == (0, "")
    found = lines(Path("out.jsonl").read_text())
    assert [(row["index"], row["custom_id"], row["text"]) for row in found] == [
        (0, "0", "one"),
        (1, "1", "two"),
    ]
    assert found[0]["finish_reason"] == "stop"
    assert float(str(found[0]["cost"])) > 0
    assert "SUCCESS, 2 of 2 done." in done.err
    assert "2 results, $0.0" in done.err


@pytest.mark.parametrize("wrap", [False, True])
def test_json_lines_of_every_kind(wrap: bool, server: Sandbox) -> None:
    bodies = [
        CHAT,
        {"model": "codestral-latest", "prompt": "def f():", "suffix": "return 1"},
        {"model": "mistral-embed", "input": ["Hello", "Bonjour"]},
        {"model": "mistral-moderation-latest", "input": "Hello"},
        {"model": "mistral-ocr-latest", "document": {"type": "document_url", "document_url": PDF}},
    ]
    rows = [{"custom_id": f"id-{at}", "body": body} for at, body in enumerate(bodies)]
    done = run("-", stdin="\n".join(map(json.dumps, rows if wrap else bodies)))
    assert done.status == 0
    chat, fim, embedding, moderation, ocr = lines(done.out)
    assert chat["custom_id"] == ("id-0" if wrap else "0")
    assert chat["text"] == "a"
    assert fim["text"]
    assert [len(vector) for vector in embedding["vectors"]] == [1024, 1024]
    assert moderation["results"][0]["category_scores"]
    assert ocr["pages"] == [{"index": 0, "markdown": "Invoice 17"}]


def test_an_output_without_its_folder_is_refused_before_the_batch(server: Sandbox) -> None:
    write("requests.jsonl", CHAT)
    done = run("requests.jsonl", "-o", "absent/out.jsonl")
    assert done.status == 2
    assert "directory 'absent' does not exist" in " ".join(done.err.split())
    assert server.requests == []


def test_a_conversation_keeps_its_parts(server: Sandbox) -> None:
    call = {
        "id": "abcdefghi",
        "type": "function",
        "function": {"name": "sky", "arguments": {"city": "Lyon"}},
    }
    body = {
        **CHAT,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "The sky in Lyon?"}]},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "abcdefghi", "name": "sky", "content": "clear"},
        ],
        "tools": [{"type": "function", "function": {"name": "sky", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
        "max_tokens": 20,
        "response_format": {"type": "text"},
        "stream": True,
    }  # fmt: skip
    write("requests.jsonl", body)
    done = run("requests.jsonl")
    assert done.status == 0
    assert "clear" in str(lines(done.out)[0]["text"])
    (sent,) = (exchange.body for exchange in server.requests if exchange.method == "POST")
    (entry,) = sent["requests"]
    assert entry["body"]["max_tokens"] == 20
    assert "stream" not in entry["body"]
    assert [message["role"] for message in entry["body"]["messages"]] == ["system", "user", "assistant", "tool"]  # fmt: skip


def test_a_tool_call_is_in_the_result(server: Sandbox) -> None:
    tool = {"name": "sky", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}  # fmt: skip
    ask = [{"role": "user", "content": "What is the sky of city Lyon?"}]
    write("requests.jsonl", {**CHAT, "messages": ask, "tools": [{"type": "function", "function": tool}]})  # fmt: skip
    (row,) = lines(run("requests.jsonl").out)
    (call,) = row["tool_calls"]
    assert (call["name"], json.loads(call["arguments"])) == ("sky", {"city": "Lyon"})


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("", [], "has no requests"),
        ("nonsense\n", [], "line 1 is not JSON"),
        ("[]\n", [], "line 1 must be a JSON object, got list"),
        ('{"model": "m"}\n', [], "line 1 is not a request"),
        ('{"model": "m", "document": {"type": "text", "text": ""}}\n', [], "document must be a document_url"),
        ('{"body": []}\n', [], "body must be a JSON object"),
        ('{"messages": [{"role": "user"}]}\n', [], "line 1 has no model"),
        ('{"messages": [{"role": "bot", "content": ""}]}\n', ["-m", "m"], "messages[0] is not a message"),
        ('{"messages": [7]}\n', ["-m", "m"], "messages[0] is not a message"),
        ('{"messages": [{"role": "user", "content": 7}]}\n', ["-m", "m"], "messages[0] is not a message"),
        ('{"messages": []}\n', ["-m", "m"], "requests[0]"),
        ('{"messages": [{"role": "user", "content": ""}], "top_p": NaN}\n', ["-m", "m"], "requests[0]: The request cannot be written as JSON: top_p"),
        (f'{{"a": {"[" * 100_000}\n', [], "line 1 is not JSON"),
        ('{"prompt": "x = "}\n', ["-s", "Be brief."], "--system is for prompts"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_request_is_named(
    content: str, options: list[str], expected: str, server: Sandbox
) -> None:
    Path("requests.jsonl").write_text(content)
    done = run("requests.jsonl", *options)
    assert (done.status, done.out) == (1, "")
    assert expected in done.err
    assert not [exchange for exchange in server.requests if exchange.method == "POST"]


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        ("prompts.txt", "\u2028"),
        ("prompts.txt", "\x85"),
        ("prompts.txt", "\x0c"),
        ("prompts.txt", "\x1c"),
        ("requests.jsonl", "\u2028"),
        ("requests.jsonl", "\x85"),
    ],
)
def test_only_line_breaks_separate_requests(name: str, separator: str, server: Sandbox) -> None:
    """JSON allows most of what Unicode calls a line break within strings."""
    prompt = f"Say exactly: a{separator}b"
    body = {"messages": [{"role": "user", "content": prompt}]}
    line = json.dumps(body, ensure_ascii=False) if name == "requests.jsonl" else prompt
    Path(name).write_text(line, encoding="utf-8")
    done = run(name, "-m", "mistral-small-latest")
    assert (done.status, len(lines(done.out))) == (0, 1)


def test_a_custom_id_of_null_is_none(server: Sandbox) -> None:
    write("requests.jsonl", {"custom_id": None, "body": CHAT}, {"custom_id": 0, "body": CHAT})
    found = lines(run("requests.jsonl").out)
    assert [row["custom_id"] for row in found] == ["0", "0"]


def test_failed_requests_are_marked(server: Sandbox) -> None:
    """What the catalog does not know, and the service refuses."""
    write("requests.jsonl", CHAT, {**CHAT, "temperature": 7})
    done = run("requests.jsonl", "-o", "out.jsonl")
    assert done.status == 1
    good, bad = lines(Path("out.jsonl").read_text())
    assert good["text"] == "a"
    assert bad["error"]["type"] == "UnprocessableEntityError"
    assert "2 results, " in done.err
    assert ", 1 failed -> out.jsonl" in done.err


def test_the_same_command_finds_its_batch_again(server: Sandbox) -> None:
    write("requests.jsonl", CHAT)
    first, second = run("requests.jsonl"), run("requests.jsonl")
    assert first.out == second.out
    assert first.status == second.status == 0
    assert len([exchange for exchange in server.requests if exchange.method == "POST"]) == 1
    write("requests.jsonl", CHAT, CHAT)
    assert len(lines(run("requests.jsonl").out)) == 2


# --- one step at a time ---------------------------------------------------------------------------


def test_a_batch_is_started_looked_at_and_read(server: Sandbox) -> None:
    write("requests.jsonl", {"custom_id": "x", "body": CHAT}, {"custom_id": "y", "body": CHAT})
    started = command("batch", "start", "requests.jsonl", "--name", "evaluation-7")
    assert (started.status, started.out) == (0, "evaluation-7\n")
    state = json.loads(command("batch", "status", "evaluation-7").out)
    assert (state["id"], state["total"]) == ("evaluation-7", 2)
    assert Decimal(state["cost"]) > 0
    assert state["cost_is_estimated"]
    with_ids = command(
        "batch", "results", "evaluation-7", "--requests", "requests.jsonl", "--poll", "0.01"
    )
    assert [(row["custom_id"], row["text"]) for row in lines(with_ids.out)] == [
        ("x", "a"),
        ("y", "a"),
    ]
    without = command("batch", "results", "evaluation-7", "--poll", "0.01")
    assert [row["index"] for row in lines(without.out)] == [0, 1]
    assert "custom_id" not in without.out


def test_a_batch_of_pages_and_labels_is_read(server: Sandbox) -> None:
    server.add_classifier("ft:mood", {"mood": {"glad": ["thanks"]}})
    requests = [
        OCRRequest(model="mistral-ocr-latest", document=as_part(pdf_of("One", "Two"))),
        ClassificationRequest(model="ft:mood", inputs=["thanks"]),
    ]
    Client().batch(requests, name="others")
    pages, labels = lines(command("batch", "results", "others", "--poll", "0.01").out)
    assert pages["pages"] == [{"index": 0, "markdown": "One"}, {"index": 1, "markdown": "Two"}]
    assert labels["results"] == [{"mood": {"glad": 1.0}}]


def test_a_batch_is_cancelled(server: Sandbox) -> None:
    server.inject(Fault(on="/jobs", job="CANCELLED"))
    write("requests.jsonl", CHAT, CHAT)
    command("batch", "start", "requests.jsonl", "--name", "b")
    done = command("batch", "cancel", "b")
    assert done.status == 0
    assert json.loads(done.out)["status"].startswith("CANCEL")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["batch", "run", "no-such-file.jsonl"], 2, "no-such-file.jsonl"),
        (["batch", "status"], 2, "Missing argument"),
        (["batch", "status", "unknown"], 1, "There is no batch 'unknown'"),
        (["batch", "results", "unknown"], 1, "There is no batch 'unknown'"),
        (["batch", "cancel", "unknown"], 1, "There is no batch 'unknown'"),
    ],
)
def test_errors_are_explained(
    arguments: list[str], status: int, expected: str, server: Sandbox
) -> None:
    done = command(*arguments)
    assert (done.status, done.out) == (status, "")
    assert expected in done.words


def test_requests_of_another_batch_are_a_mistake(server: Sandbox) -> None:
    write("requests.jsonl", CHAT)
    command("batch", "start", "requests.jsonl", "--name", "b")
    write("others.jsonl", CHAT, CHAT)
    done = command("batch", "results", "b", "--requests", "others.jsonl")
    assert done.status == 2
    assert "the file has 2 requests, but the batch has 1" in done.words


def test_a_gateway_has_no_batches(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_BASE_URL")
    monkeypatch.setenv("PORTKEY_API_KEY", "pk-very-secret")
    write("requests.jsonl", CHAT)
    done = run("requests.jsonl")
    assert done.status == 1
    assert "batch" in done.err
    assert "pk-very-secret" not in done.err
