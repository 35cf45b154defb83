"""Files and batch jobs of the sandbox, by its own API."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from mistral_calls import KEY
from mistral_schemas import conforms
from portkey_mistral.sandbox import Fault, Sandbox

CHAT = "/v1/chat/completions"


@pytest.fixture
def sandbox():
    return Sandbox(clock=lambda: 1_795_392_000)


def call(sandbox, method, path, body=b"", **headers):
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    response = sandbox.handle(method, f"/v1{path}", KEY | headers, body)
    return response.status, response.read()


def get(sandbox, path):
    status, body = call(sandbox, "GET", path)
    assert status == 200, body
    return json.loads(body)


def question(number, **fields):
    body = {"messages": [{"role": "user", "content": f"Say exactly: {number}"}], **fields}
    return {"custom_id": str(number), "body": body}


def create(sandbox, **fields):
    job = {"endpoint": CHAT, "model": "mistral-small-latest", **fields}
    status, body = call(sandbox, "POST", "/batch/jobs", job)
    return status, json.loads(body)


def upload(sandbox, content, purpose="batch", name="in.jsonl"):
    parts = [
        f'Content-Disposition: form-data; name="purpose"\r\n\r\n{purpose}',
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{content}',
    ]
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    form = {"content-type": "multipart/form-data; boundary=b"}
    status, answer = call(sandbox, "POST", "/files", body.encode(), **form)
    return status, json.loads(answer)


def lines(sandbox, file_id):
    status, content = call(sandbox, "GET", f"/files/{file_id}/content")
    assert status == 200
    return [json.loads(line) for line in content.splitlines()]


def test_a_job_runs_from_look_to_look(sandbox):
    status, made = create(sandbox, requests=[question(i) for i in range(4)], metadata={"name": "n"})
    assert (status, made["status"], made["total_requests"]) == (200, "QUEUED", 4)
    half = get(sandbox, f"/batch/jobs/{made['id']}")
    assert (half["status"], half["completed_requests"], half["output_file"]) == ("RUNNING", 2, None)
    done = get(sandbox, f"/batch/jobs/{made['id']}")
    assert (done["status"], done["succeeded_requests"]) == ("SUCCESS", 4)
    assert all(conforms("batch.job", job) for job in (made, half, done))
    output = lines(sandbox, done["output_file"])
    assert {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in output} == {
        str(i): str(i) for i in range(4)
    }  # fmt: skip
    assert all(conforms("batch.output_line", line) for line in output)
    inline = get(sandbox, f"/batch/jobs/{made['id']}?inline=true")
    assert inline["outputs"] == output


def test_a_job_reads_the_files_that_were_uploaded(sandbox):
    content = "\n".join(json.dumps(question(i)) for i in range(3)) + "\n"
    status, file = upload(sandbox, content)
    assert (status, file["bytes"], file["num_lines"]) == (200, len(content), 3)
    assert conforms("files.create.response", file)
    assert UUID(file["id"])
    assert conforms("files.list.response", get(sandbox, "/files"))
    assert call(sandbox, "GET", f"/files/{file['id']}/content") == (200, content.encode())
    _, job = create(sandbox, input_files=[file["id"]])
    assert job["total_requests"] == 3
    assert call(sandbox, "DELETE", f"/files/{file['id']}")[0] == 200
    assert call(sandbox, "GET", f"/files/{file['id']}")[0] == 404
    for _ in range(2):
        job = get(sandbox, f"/batch/jobs/{job['id']}")
    assert job["succeeded_requests"] == 3


def test_what_fails_is_in_the_file_of_errors(sandbox):
    sandbox.inject(Fault(on="/chat/completions", when="exactly: 1", status=500))
    requests = [question(0), question(1), question(2, temperature=9), {"body": {}}]
    _, job = create(sandbox, requests=requests)
    for _ in range(2):
        job = get(sandbox, f"/batch/jobs/{job['id']}")
    assert (job["succeeded_requests"], job["failed_requests"]) == (1, 3)
    failed = {line["custom_id"]: line["response"] for line in lines(sandbox, job["error_file"])}
    assert {name: each["status_code"] for name, each in failed.items()} == {
        "1": 500,
        "2": 422,
        None: 422,
    }
    assert [each.path for each in sandbox.requests if each.path == CHAT] == []


@pytest.mark.parametrize("fate", ["FAILED", "TIMEOUT_EXCEEDED"])
def test_a_job_may_end_otherwise(sandbox, fate):
    sandbox.inject(Fault(on="/batch/jobs", job=fate))
    _, job = create(sandbox, requests=[question(i) for i in range(4)])
    for _ in range(3):
        job = get(sandbox, f"/batch/jobs/{job['id']}")
    assert (job["status"], job["completed_requests"]) == (fate, 2)
    assert len(lines(sandbox, job["output_file"])) == 2


def test_a_job_that_is_cancelled_keeps_what_is_done(sandbox):
    _, job = create(sandbox, requests=[question(i) for i in range(4)])
    get(sandbox, f"/batch/jobs/{job['id']}")
    status, body = call(sandbox, "POST", f"/batch/jobs/{job['id']}/cancel")
    assert (status, json.loads(body)["status"]) == (200, "CANCELLATION_REQUESTED")
    job = get(sandbox, f"/batch/jobs/{job['id']}")
    assert (job["status"], job["succeeded_requests"]) == ("CANCELLED", 2)


def test_jobs_are_found_by_their_metadata(sandbox):
    for name in ("a", "b", "a"):
        create(sandbox, requests=[question(0)], metadata={"name": name, "more": "x"})
    listed = get(sandbox, '/batch/jobs?metadata={"name": "a"}')
    assert (listed["total"], [job["metadata"]["name"] for job in listed["data"]]) == (2, ["a", "a"])
    assert conforms("batch.list.response", listed)
    page = get(sandbox, "/batch/jobs?page_size=2&page=1")
    assert (page["total"], len(page["data"])) == (3, 1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"requests": []}, 400),
        ({"requests": [question(0)], "input_files": ["0" * 32]}, 400),
        ({"input_files": ["0" * 32]}, 400),
        ({"requests": [question(0)], "model": "nobody"}, 400),
        ({"requests": [question(0)], "model": "mistral-embed"}, 400),
        ({"requests": [question(0)], "endpoint": "/v1/classifications"}, 400),
        ({"requests": [question(0)], "endpoint": "/v1/ocr"}, 400),
        ({"requests": [question(0)], "endpoint": "/v1/nothing"}, 422),
        ({"requests": [question(0)], "timeout_hours": 169}, 422),
        ({"requests": [question(0)], "metadata": {"k" * 33: "v"}}, 422),
        ({"requests": [question(0)], "metadata": {"k": "v" * 513}}, 422),
        ({"requests": [question(0)], "anything": 1}, 422),
        ({"requests": [question(0)] * 10_001}, 422),
    ],
)
def test_what_cannot_be_a_job_is_refused(sandbox, fields, status):
    assert create(sandbox, **fields)[0] == status


@pytest.mark.parametrize("query", ["metadata=[1]", "metadata={", "page=-1", "page_size=x"])
def test_a_list_is_asked_for_rightly(sandbox, query):
    assert call(sandbox, "GET", f"/batch/jobs?{query}")[0] in (400, 422)


def test_an_upload_without_a_file_or_with_another_purpose_is_refused(sandbox):
    assert call(sandbox, "POST", "/files", b"{}", **{"content-type": "application/json"})[0] == 422
    assert upload(sandbox, "", purpose="fun")[0] == 422
    _, file = upload(sandbox, "%PDF", purpose="ocr", name="a.pdf")
    assert create(sandbox, input_files=[file["id"]])[0] == 400
    assert (
        call(sandbox, "GET", "/files/nothing")[0]
        == call(sandbox, "GET", "/batch/jobs/no")[0]
        == 404
    )
    assert call(sandbox, "PUT", "/files")[0] == 405


def test_reset_forgets_jobs_and_files(sandbox):
    upload(sandbox, "x")
    create(sandbox, requests=[question(0)])
    sandbox.reset()
    assert get(sandbox, "/files")["total"] == get(sandbox, "/batch/jobs")["total"] == 0
