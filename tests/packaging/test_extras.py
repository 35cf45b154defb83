"""Each extra brings what it is for, in an environment that holds the wheel with this extra and nothing else."""

from __future__ import annotations

import os

import pytest

from interpreters import NEXT, PYPROJECT, SUPPORTED, interpreter

pytestmark = pytest.mark.timeout(900)

CHAT = """
from portkey_mistral import ChatRequest, Client, Message
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")])
assert Client(base_url="sandbox:").chat(request).text
"""
LANGCHAIN = """
from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM
assert ChatPortkeyMistral(base_url="sandbox:").invoke("Hello").text
assert PortkeyMistralFIM(base_url="sandbox:").invoke("def f():", suffix="f()")
assert len(PortkeyMistralEmbeddings(base_url="sandbox:").embed_query("Hello")) == 1024
"""
LLAMAINDEX = """
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
assert PortkeyMistral(base_url="sandbox:").complete("Hello").text
assert len(PortkeyMistralEmbedding(base_url="sandbox:").get_text_embedding("Hello")) == 1024
"""
CLI = """
import sys
from portkey_mistral.__main__ import main
sys.argv = ["portkey-mistral", "models", "codestral-latest"]
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
"""
SANDBOX = """
from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.sandbox import server
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")])
with server.running("127.0.0.1", 0) as url:
    assert Client(base_url=f"{url}/v1", api_key="key").chat(request).text
"""
REDIS = """
from portkey_mistral import Client
Client(base_url="sandbox:", state="redis://127.0.0.1:6379/0")
"""
OTEL = """
import httpx
from opentelemetry import trace
from portkey_mistral import ChatRequest, Client, Message

context = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
received = []


def answer(request):
    received.append(request.headers["traceparent"])
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return httpx.Response(200, json={"id": "1", "model": "m", "choices": [choice]})


client = Client(
    gateway_url="http://127.0.0.1:1/v1",
    api_key="key",
    http_client=httpx.Client(transport=httpx.MockTransport(answer)),
)
with trace.use_span(trace.NonRecordingSpan(context)):
    client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")]))
assert f"{0xABC:032x}" in received[0], received
"""
TOKENS = """
from portkey_mistral.tokens import token_ids
assert len(token_ids("Mistral is a wind.", "mistral-small-latest")) > 3
"""
SOCKS = """
from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.exceptions import APIConnectionError
client = Client(base_url="http://127.0.0.1:1/v1", api_key="k", proxy="socks5://127.0.0.1:1", max_retries=0)
try:
    client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")]))
except APIConnectionError:
    pass
"""
OCR = """
from portkey_mistral import Client, OCRRequest
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.documents import ocr_document
document = ocr_document(make_pdf([["The oven cost 18,400 euros."]]))
pages = Client(base_url="sandbox:").ocr(OCRRequest(model="mistral-ocr-latest", document=document)).pages
assert "18,400" in pages[0].markdown, pages
"""
PROGRESS = """
from portkey_mistral import Client, EmbeddingRequest
request = EmbeddingRequest(model="mistral-embed", inputs=["one", "two"])
assert len(Client(base_url="sandbox:").embed(request, show_progress=True).vectors) == 2
"""
PARQUET = """
from pathlib import Path
from portkey_mistral.cli import vector_files
from portkey_mistral.cli.text_sources import TextRow
with vector_files.opened(Path("vectors.parquet"), "mistral-embed", "float") as writer:
    writer.write([TextRow("a.txt", 0, "one")], [[1.0, 2.0]])
assert Path("vectors.parquet").stat().st_size > 100
"""
RAY = """
from llama_index.ingestion.ray import RayTransformComponent
from llamaindex_portkey_mistral import PortkeyMistralEmbedding
RayTransformComponent(PortkeyMistralEmbedding, base_url="sandbox:")
"""
USES = {
    "langchain": LANGCHAIN,
    "llamaindex": LLAMAINDEX,
    "sandbox": SANDBOX,
    "cli": CLI,
    "redis": REDIS,
    "otel": OTEL,
    "tokens": TOKENS,
    "socks": SOCKS,
    "ocr": OCR,
    "progress": PROGRESS,
    "parquet": PARQUET,
    "ray": RAY,
}
# What is used of another package directly, which cannot name the extra.
NOT_NAMED = {
    "otel": "No module named 'opentelemetry'",
    "ray": "No module named 'llama_index'",
}
IN_ALL = set(USES) - {"parquet", "ray", "socks"}


def test_every_extra_has_a_use_here():
    assert set(PYPROJECT["project"]["optional-dependencies"]) == {*USES, "all"}


@pytest.mark.full
@pytest.mark.parametrize("extra", USES)
def test_without_its_extra_a_use_fails(python_with, extra):
    """Otherwise the tests below would pass without the extra."""
    attempt = f"try:\n    exec({USES[extra]!r})\nexcept (Exception, SystemExit) as error:\n    print(error)"
    reason = NOT_NAMED.get(extra, f"portkey-mistral[{extra}]")
    assert reason in python_with("", attempt)


def test_the_core_needs_no_extra(python_with):
    python_with("", CHAT)


@pytest.fixture(scope="module", params=[*SUPPORTED, NEXT])
def version(request):
    """A Python that the package supports, or the next; where CI is set, a missing supported one is a failure."""
    if interpreter(request.param) is None:
        if os.environ.get("CI") and request.param != NEXT:
            pytest.fail(f"Python {request.param} is not installed.")
        pytest.skip(f"Python {request.param} is not installed.")
    return request.param


@pytest.mark.full
@pytest.mark.parametrize("extra", ["", *USES])
def test_every_extra_on_every_python(python_with, version, extra):
    code = CHAT + USES.get(extra, "")
    python_with(f"[{extra}]" if extra else "", code, python=interpreter(version))


@pytest.mark.full
@pytest.mark.parametrize("use", sorted(IN_ALL))
def test_all_brings_every_extra_that_is_not_left_out_of_it(python_with, version, use):
    python_with("[all]", USES[use], python=interpreter(version))


@pytest.mark.full
def test_pip_installs_the_wheel(pip_installs, version):
    """The other tests install with uv, which takes a tenth of the time."""
    assert (
        pip_installs(interpreter(version), "[langchain]", LANGCHAIN + "print('works')") == "works"
    )
