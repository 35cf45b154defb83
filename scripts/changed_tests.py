"""Print the tests of one layer (an argument, such as `wire`), or those that mirror the changed files.

Changed is what differs from the merge base with `main`, committed or not, and what git does not know yet.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A file or folder of sources, and the tests that mirror it. The first that fits decides.
MIRRORS = {
    "langchain_portkey_mistral": "tests/langchain",
    "llamaindex_portkey_mistral": "tests/llamaindex",
    "shared/portkey_mistral/_call": "tests/core/call",
    "shared/portkey_mistral/_embedding": "tests/core/embedding",
    "shared/portkey_mistral/_routing": "tests/routing",
    "shared/portkey_mistral/_telemetry": "tests/telemetry",
    "shared/portkey_mistral/_transport": "tests/transport",
    "shared/portkey_mistral/_wire": "tests/wire",
    "shared/portkey_mistral/cli": "tests/cli",
    "shared/portkey_mistral/client.py": "tests/core/client",
    "shared/portkey_mistral/config": "tests/core/config",
    "shared/portkey_mistral/demo": "tests/demo",
    "shared/portkey_mistral/sandbox": "tests/sandbox",
    "shared/portkey_mistral/settings": "tests/core/settings",
    "shared/portkey_mistral/state": "tests/core/state",
    "shared/portkey_mistral": "tests/core",
    "docs": "tests/docs",
    "examples": "tests/docs",
    "notebooks": "tests/docs",
    "scripts/check_release.py": "tests/packaging/test_publishing.py",
    "scripts/compare_peers.py": "tests/docs/test_readme.py",
    "scripts/draw_badges.py": "tests/docs/test_readme.py",
    "scripts/draw_demo.py": "tests/docs/test_readme.py",
    "scripts/list_licenses.py": "tests/packaging/test_licenses.py",
    "scripts": "tests/scripts",
    ".github": "tests/packaging/test_publishing.py",
    "README.md": "tests/docs",
    "CONTRIBUTING.md": "tests/docs",
    "CHANGELOG.md": "tests/docs",
}


def main(layers: list[str]) -> None:
    if layers:
        found = [test for layer in layers for test in tests_of_layer(layer)]
    else:
        found = [test for file in changed_files() for test in tests_of(file)]
    print("\n".join(reduced(found)))
    if not found:
        print("No changed file has tests; LAYER=wire runs those of one layer.", file=sys.stderr)


def tests_of_layer(layer: str) -> list[str]:
    folders = [f"tests/{layer}", f"tests/core/{layer}"]
    found = [folder for folder in folders if (ROOT / folder).is_dir()]
    if not found:
        known = {file.parent for file in (ROOT / "tests").glob("**/test_*.py")}
        sys.exit(
            f"There is no layer {layer!r}; use one of {', '.join(sorted(p.name for p in known))}."
        )
    return found


def changed_files() -> list[str]:
    base = (git("merge-base", "HEAD", "main") or ["HEAD"])[0]
    return sorted(
        {*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")}
    )


def tests_of(file: str) -> Iterator[str]:
    """Yield the test file of a source file where there is one of its name, else the folder's tests."""
    if file.startswith("tests/"):
        yield from tests_of_test_file(file)
        return
    folder = next((tests for source, tests in MIRRORS.items() if within(file, source)), None)
    if folder is None:
        return
    named = sorted((ROOT / folder).rglob(f"test_{Path(file).stem.lstrip('_').lower()}.py"))
    yield from (str(path.relative_to(ROOT)) for path in named) if named else (folder,)


def tests_of_test_file(file: str) -> Iterator[str]:
    path = ROOT / file
    if not path.exists() or path.suffix != ".py":
        return
    if path.name.startswith("test_"):
        yield file
    elif path.name == "conftest.py" and path.parent != ROOT / "tests":
        yield str(path.parent.relative_to(ROOT))
    elif within(file, "tests/support"):
        imported = re.compile(rf"^(?:from|import) {path.stem}\b", re.MULTILINE)
        for test in sorted((ROOT / "tests").rglob("test_*.py")):
            if imported.search(test.read_text(encoding="utf-8")):
                yield str(test.relative_to(ROOT))


def reduced(paths: list[str]) -> list[str]:
    """Leave out files whose folder is there too."""
    every = sorted(set(paths))
    return [path for path in every if not any(path != one and within(path, one) for one in every)]


def within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


if __name__ == "__main__":
    main(sys.argv[1:])
