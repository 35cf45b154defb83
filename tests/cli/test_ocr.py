"""`portkey-mistral ocr`: documents as Markdown files, on standard output, or as JSON."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from command_line import command
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.sandbox import Fault, Sandbox

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def server(mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """The sandbox that the environment selects; the test runs in a folder with documents."""
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    monkeypatch.chdir(tmp_path)
    Path("in", "more").mkdir(parents=True)
    Path("in", "invoice.pdf").write_bytes(make_pdf([["Invoice 17"], ["Total: 2"]]))
    Path("in", "more", "invoice.pdf").write_bytes(make_pdf([["Invoice 18"]]))
    return mistral_sandbox


def test_documents_become_markdown_on_standard_output(server: Sandbox) -> None:
    done = command("ocr", "in/invoice.pdf")
    assert done.status == 0
    assert done.out == "Invoice 17\n\nTotal: 2\n\n"
    assert done.err == "1 document, 2 pages, $0.008\n"


def test_a_folder_becomes_a_folder(server: Sandbox) -> None:
    done = command("ocr", "in", "-o", "out")
    assert (done.status, done.out) == (0, "")
    assert Path("out", "invoice.md").read_text() == "Invoice 17\n\nTotal: 2\n"
    assert Path("out", "invoice-2.md").read_text() == "Invoice 18\n"
    assert "in/more/invoice.pdf -> out/invoice-2.md" in done.err
    assert "2 documents, 3 pages, $0.0" in done.err


def test_json_has_a_line_for_each_page(server: Sandbox) -> None:
    done = command("ocr", "in/invoice.pdf", "--json", "--pages", "1")
    (page,) = map(json.loads, done.out.splitlines())
    assert (page["source"], page["page"], page["text"]) == ("in/invoice.pdf", 1, "Total: 2")


def test_images_are_written_next_to_their_text(server: Sandbox) -> None:
    Path("scan.png").write_bytes(PIXEL)
    done = command("ocr", "scan.png", "-o", "out", "--images")
    assert done.status == 0, done.err
    text = Path("out", "scan.md").read_text()
    (image,) = Path("out", "scan").iterdir()
    assert f"](scan/{image.name})" in text
    assert image.read_bytes()


def test_an_image_is_never_written_elsewhere(server: Sandbox) -> None:
    """Ids of images are the server's."""
    page = {
        "index": 0,
        "markdown": "![../../x.png](../../x.png)",
        "images": [{"id": "../../x.png", "image_base64": "data:image/png;base64,AAAA"}],
        "dimensions": None,
    }
    body = {"model": "mistral-ocr-latest", "pages": [page], "usage_info": {"pages_processed": 1}}
    server.inject(Fault(on="/ocr", status=200, body=body))
    done = command("ocr", "in/invoice.pdf", "-o", "out/deep", "--images")
    assert done.status == 0, done.err
    assert Path("out/deep/invoice/x.png").exists()
    assert "](invoice/x.png)" in Path("out/deep/invoice.md").read_text()
    assert not Path("x.png").exists()


def test_what_a_schema_asks_for_is_written(server: Sandbox) -> None:
    schema = {"type": "object", "title": "Invoice", "properties": {"number": {"type": "integer"}}, "required": ["number"]}  # fmt: skip
    Path("schema.json").write_text(json.dumps(schema))
    done = command("ocr", "in/invoice.pdf", "--schema", "schema.json", "-o", "out")
    assert done.status == 0, done.err
    assert json.loads(Path("out", "invoice.json").read_text()) == {"number": 17}
    (document,) = map(
        json.loads,
        command("ocr", "in/invoice.pdf", "--schema", "schema.json", "--json").out.splitlines(),
    )
    assert document["document_annotation"] == {"number": 17}
    assert document["total_pages"] == 2


def test_a_document_that_cannot_be_read_does_not_stop_the_others(server: Sandbox) -> None:
    Path("in", "a-empty.pdf").write_bytes(b"")
    done = command("ocr", "in", "-o", "out")
    assert done.status == 1
    assert "InvalidRequestError in/a-empty.pdf: The document 'a-empty.pdf' is empty." in done.err
    assert "2 documents, 3 pages, $0.012, 1 failed" in done.err
    assert len(list(Path("out").glob("*.md"))) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["no-such.pdf"], 1, "no-such.pdf cannot be read"),
        (["in/more/.."], 0, "2 documents"),
        (["in", "--images"], 2, "needs -o or --json"),
        (["in", "--json", "-o", "out"], 2, "cannot be combined with -o"),
        (["in", "--schema", "no-such.json"], 2, "no-such.json"),
        (["in", "--tables", "latex"], 2, "latex"),
        ([], 2, "Missing argument"),
    ],
)
def test_errors_are_explained(
    arguments: list[str], status: int, expected: str, server: Sandbox
) -> None:
    done = command("ocr", *arguments)
    assert done.status == status
    assert expected in done.words


@pytest.mark.parametrize("content", ["nonsense", "[1]"])
def test_a_schema_that_is_none_is_explained(content: str, server: Sandbox) -> None:
    Path("schema.json").write_text(content)
    done = command("ocr", "in", "--schema", "schema.json", "--json")
    assert (done.status, done.out) == (1, "")
    assert "schema.json" in done.err
