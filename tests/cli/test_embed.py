"""`portkey-mistral embed`: every kind of source and output, and runs that are stopped and continued."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from command_line import Done, command
from portkey_mistral import Client, EmbeddingRequest
from portkey_mistral.sandbox import Fault, Sandbox

TEXTS = ["Codestral completes code.", "Ministral is small.", "Élan vital."]


@pytest.fixture
def server(mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """The sandbox that the environment selects; the test runs in an empty folder."""
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    monkeypatch.chdir(tmp_path)
    return mistral_sandbox


def expected(texts: list[str]) -> np.ndarray:
    return (
        Client(base_url="sandbox:expected")
        .embed(EmbeddingRequest(model="mistral-embed", inputs=texts))
        .to_numpy()
    )


def rows(done: Done) -> list[dict[str, object]]:
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


# --- sources --------------------------------------------------------------------------------------


def write_sources() -> None:
    Path("lines.txt").write_text("\n".join(TEXTS) + "\n\n")
    Path("paragraphs.md").write_text("\n\n\n".join(TEXTS))
    Path("rows.jsonl").write_text("".join(json.dumps({"q": text}) + "\n" for text in TEXTS))
    Path("strings.ndjson").write_text("\n".join(map(json.dumps, TEXTS)))
    for name, delimiter in (("rows.csv", ","), ("rows.tsv", "\t")):
        with Path(name).open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file, delimiter=delimiter).writerows([("n", "q"), *enumerate(TEXTS)])
    parquet.write_table(pa.table({"n": [1, 2, 3], "q": TEXTS}), "rows.parquet")


@pytest.mark.parametrize(
    ("source", "by"),
    [
        ("lines.txt", "line"),
        ("paragraphs.md", "paragraph"),
        ("rows.jsonl", None),
        ("strings.ndjson", None),
        ("rows.csv", None),
        ("rows.tsv", None),
        ("rows.parquet", None),
    ],
)
def test_every_kind_of_source(source: str, by: str | None, server: Sandbox) -> None:
    write_sources()
    done = command("embed", source, "--field", "q", *(() if by is None else ("--by", by)))
    found = rows(done)
    assert [(row["source"], row["index"], row["text"]) for row in found] == [
        (source, index, text) for index, text in enumerate(TEXTS)
    ]
    np.testing.assert_array_equal(np.array([row["vector"] for row in found], "f"), expected(TEXTS))
    assert "3 texts, " in done.err
    assert Path.cwd().joinpath(source).exists()


def test_files_and_folders_are_whole_texts(server: Sandbox) -> None:
    folder = Path("docs")
    (folder / "deep" / ".hidden").mkdir(parents=True)
    (folder / "b.md").write_text("B\n\nb")
    (folder / "a.txt").write_text("A")
    (folder / "deep" / "c.rst").write_text("C")
    (folder / "deep" / ".hidden" / "d.md").write_text("D")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    Path("code.py").write_text("print()")
    found = rows(command("embed", "docs", "code.py"))
    assert [(row["source"], row["text"]) for row in found] == [
        ("docs/a.txt", "A"),
        ("docs/b.md", "B\n\nb"),
        ("docs/deep/c.rst", "C"),
        ("code.py", "print()"),
    ]


@pytest.mark.parametrize(("by", "texts"), [(None, ["a", "b", "c"]), ("paragraph", ["a\nb", "c"])])
def test_standard_input(by: str | None, texts: list[str], server: Sandbox) -> None:
    options = () if by is None else ("--by", by)
    found = rows(command("embed", "-", *options, stdin="a\nb\n\nc\n"))
    assert [row["text"] for row in found] == texts


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("no-such.txt", None, "no-such.txt: No such file"),
        ("empty.txt", b" \n", "These files contain no text"),
        ("picture.png", b"\x89PNG", "is not text encoded as UTF-8"),
        ("rows.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', "rows.jsonl, line 2 has no 'text', only 'txt'"),
        ("rows.jsonl", b'{"text": "a"}\nnonsense\n', "line 2 is not JSON"),
        ("rows.jsonl", b"[1]\n", "line 1 must be a JSON object or string, got list"),
        ("rows.jsonl", b'{"text": " "}\n', "line 1: 'text' must be a text that is not blank"),
        ("rows.csv", b"a,b\n1,2\n", "rows.csv, line 2 has no 'text', only 'a', 'b'"),
        ("rows.parquet", b"PAR1", "cannot be read as parquet"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_explained_before_anything_is_sent(
    name: str, content: bytes | None, expected: str, server: Sandbox
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    done = command("embed", name, "-o", "v.jsonl")
    assert (done.status, done.out) == (1, "")
    assert expected in done.err
    assert server.requests == []
    assert not list(Path.cwd().glob("v.*"))


def test_a_folder_without_texts_is_explained(server: Sandbox) -> None:
    Path("empty").mkdir()
    assert "empty has no file whose name ends in .jsonl" in command("embed", "empty").err


# --- outputs --------------------------------------------------------------------------------------


def read(path: Path) -> np.ndarray:
    match path.suffix:
        case ".npy":
            return np.load(path)
        case ".parquet":
            return np.stack(parquet.read_table(path)["vector"].to_numpy(zero_copy_only=False))
        case _:
            return np.array([json.loads(line)["vector"] for line in path.read_text().splitlines()])


@pytest.mark.parametrize("name", ["v.jsonl", "v.npy", "v.parquet"])
def test_every_output_has_the_same_vectors(name: str, server: Sandbox) -> None:
    """So many texts that there are several requests, and several row groups."""
    texts = [f"Text number {number}." for number in range(5000)]
    Path("lines.txt").write_text("\n".join(texts))
    options = ("-m", "codestral-embed", "--dimension", "8", "--by", "line")
    done = command("embed", "lines.txt", "-o", name, *options)
    assert (done.status, done.out) == (0, "")
    assert "5,000 texts, " in done.err
    assert f"-> {name}" in done.err
    request = EmbeddingRequest(model="codestral-embed", inputs=texts, output_dimension=8)
    wanted = Client(base_url="sandbox:expected").embed(request).to_numpy()
    np.testing.assert_array_equal(read(Path(name)).astype("f"), wanted)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["lines.txt", name]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("float", "float32"), ("int8", "int8"), ("uint8", "uint8"), ("ubinary", "uint8")],
)
@pytest.mark.parametrize("name", ["v.npy", "v.parquet"])
def test_numbers_keep_their_type(name: str, dtype: str, kind: str, server: Sandbox) -> None:
    options = ("-m", "codestral-embed", "--dtype", dtype, "--dimension", "16")
    assert command("embed", "-", "-o", name, *options, stdin="a\nb\n").status == 0
    assert read(Path(name)).dtype == kind


def test_parquet_says_what_it_has(server: Sandbox) -> None:
    assert command("embed", "-", "-o", "v.parquet", stdin="a\nb\n").status == 0
    table = parquet.read_table("v.parquet")
    assert table.schema.metadata == {b"model": b"mistral-embed"}
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 1024)
    assert table.drop_columns("vector").to_pylist() == [
        {"source": "stdin", "index": 0, "text": "a"},
        {"source": "stdin", "index": 1, "text": "b"},
    ]


def test_parquet_replaces_what_utf_8_cannot_encode(server: Sandbox) -> None:
    """A lone surrogate of a JSON string; names of files may have some too."""
    Path("rows.jsonl").write_text('"a\\ud800"\n')
    done = command("embed", "rows.jsonl", "-o", "v.parquet")
    assert done.status == 0, done.err
    assert parquet.read_table("v.parquet")["text"].to_pylist() == ["a\ufffd"]


@pytest.mark.parametrize(
    ("name", "package", "cure"),
    [
        ("v.parquet", "pyarrow", "pip install 'portkey-mistral[parquet]'"),
        ("v.npy", "numpy", "pip install numpy"),
    ],
)
def test_a_missing_package_is_named(
    name: str, package: str, cure: str, server: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = command("embed", "-", "-o", name, stdin="a\n")
    assert done.status == 1
    assert cure in done.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        (["-o", "v.csv"], 2, "must end in one of .jsonl, .npy, .parquet"),
        (["--dtype", "float16"], 2, "'float16'"),
        (["--by", "page"], 2, "'page'"),
        (["-o", "no/such/folder/v.npy"], 2, "directory 'no/such/folder' does not exist"),
        (["-m", "mistral-small-latest"], 1, "mistral-small-latest"),
        (["--dimension", "8"], 1, "dimension"),
    ],
)
def test_errors_are_explained(
    options: list[str], status: int, expected: str, server: Sandbox
) -> None:
    done = command("embed", "-", *options, stdin="a\n")
    assert (done.status, done.out) == (status, "")
    assert expected in done.words


# --- stopped and continued --------------------------------------------------------------------------


def embedded(server: Sandbox) -> int:
    return sum(
        len(exchange.body["input"]) for exchange in server.requests if exchange.status == 200
    )


def test_a_run_that_failed_is_continued(server: Sandbox) -> None:
    Path("lines.txt").write_text("\n".join(f"Text number {n}." for n in range(2000)))
    run = ("embed", "lines.txt", "--by", "line", "-o", "v.npy")
    server.inject(Fault(when="Text number 1999.", status=400))
    first = command(*run)
    assert first.status == 1
    assert "Finished vectors are in v.npy.resume. Run the same command again" in first.err
    assert sorted(path.name for path in Path.cwd().glob("v.*")) == ["v.npy.resume"]
    sent = embedded(server)
    assert 0 < sent < 2000
    server.requests.clear()
    second = command(*run)
    assert second.status == 0
    assert embedded(server) == 2000 - sent
    assert np.load("v.npy").shape == (2000, 1024)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["lines.txt", "v.npy"]


def test_a_store_of_the_users_is_kept(server: Sandbox) -> None:
    for _ in range(2):
        found = rows(command("embed", "-", "--resume", "store.sqlite", stdin="a\nb\n"))
        assert len(found) == 2
    assert embedded(server) == 2
    assert Path("store.sqlite").exists()


def test_a_text_that_the_model_refuses_is_named(server: Sandbox) -> None:
    Path("rows.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in ("short", "word " * 20_000))
    )
    done = command("embed", "rows.jsonl", "-o", "v.npy")
    assert done.status == 1
    assert "The text is number 1 (from 0) of rows.jsonl." in done.err


class Interrupted(io.StringIO):
    """Standard input where Ctrl+C is pressed after the first line."""

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        yield self.readline()
        raise KeyboardInterrupt


def test_ctrl_c_ends_cleanly(server: Sandbox) -> None:
    done = command("embed", "-", "-o", "v.jsonl", stdin=Interrupted("a\nb\n"))
    assert (done.status, done.out) == (130, "")
    assert "Interrupted. Run the same command again to continue." in done.err
    assert not Path("v.jsonl").exists()
