"""What the wheel holds, and that each part of it works without the others' dependencies."""

from __future__ import annotations

import json
import zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

import pytest

PACKAGES = {"portkey_mistral", "langchain_portkey_mistral", "llamaindex_portkey_mistral"}
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(300)

IMPORTS = """
import importlib
try:
    importlib.import_module({module!r})
except ImportError as error:
    print(type(error).__name__, error)
else:
    print("imported")
"""
LANGCHAIN = """
import sys
from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings, PortkeyMistralFIM
assert ChatPortkeyMistral(base_url="sandbox:").invoke("Hello").text
assert PortkeyMistralFIM(base_url="sandbox:").invoke("def f():", suffix="f()")
assert len(PortkeyMistralEmbeddings(base_url="sandbox:").embed_query("Hello")) == 1024
print("llama_index" in sys.modules)
"""
LLAMAINDEX = """
import sys
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
assert PortkeyMistral(base_url="sandbox:").complete("Hello").text
assert len(PortkeyMistralEmbedding(base_url="sandbox:").get_text_embedding("Hello")) == 1024
print("langchain_core" in sys.modules)
"""
CORE = """
from portkey_mistral import ChatRequest, Client, ConnectionSettings, Message
client = Client.from_settings(ConnectionSettings(base_url="sandbox:"))
answer = client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello")]))
print(bool(answer.text))
"""


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


def read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    tops = {path.parts[0] for path in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    parents = dict.fromkeys(PACKAGES, ROOT) | {"portkey_mistral": ROOT / "shared"}
    sources = {
        path.relative_to(parent).as_posix()
        for package, parent in parents.items()
        for path in (parent / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {str(path) for path in names(wheel) if path.parts[0] in PACKAGES} == sources


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_says_that_it_is_typed(wheel, package):
    assert PurePosixPath(package, "py.typed") in names(wheel)


def test_the_model_catalog_is_in_the_wheel(wheel):
    assert json.loads(read(wheel, "portkey_mistral/models.json"))


def test_entry_points(wheel):
    parser = ConfigParser()
    parser.read_string(read(wheel, "entry_points.txt"))
    assert {name: dict(parser[name]) for name in parser.sections()} == {
        "console_scripts": {"portkey-mistral": "portkey_mistral.__main__:main"},
        "pytest11": {"portkey_mistral": "portkey_mistral.sandbox.pytest_plugin"},
    }


@pytest.mark.parametrize(
    ("extras", "code"),
    [
        pytest.param("[langchain]", LANGCHAIN, id="langchain", marks=pytest.mark.full),
        # Installing and compiling LlamaIndex takes ten seconds.
        pytest.param("[llamaindex]", LLAMAINDEX, id="llamaindex", marks=pytest.mark.full),
    ],
)
def test_each_adapter_works_without_the_other_framework(python_with, extras, code):
    assert python_with(extras, code) == "False"


def test_the_core_works_without_a_framework(python_with):
    assert python_with("", CORE) == "True"


@pytest.mark.parametrize(
    ("extras", "module", "expected"),
    [
        ("", "langchain_portkey_mistral", "pip install 'portkey-mistral[langchain]'"),
        ("", "llamaindex_portkey_mistral", "pip install 'portkey-mistral[llamaindex]'"),
        ("[langchain]", "llamaindex_portkey_mistral", "pip install 'portkey-mistral[llamaindex]'"),
        pytest.param(
            "[llamaindex]",
            "langchain_portkey_mistral",
            "pip install 'portkey-mistral[langchain]'",
            marks=pytest.mark.full,
        ),
        ("", "shared", "ModuleNotFoundError No module named 'shared'"),
        ("", "tests", "ModuleNotFoundError No module named 'tests'"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(python_with, extras, module, expected):
    assert expected in python_with(extras, IMPORTS.format(module=module))


def test_the_command_says_which_extra_it_needs(python_with):
    code = "from portkey_mistral.__main__ import main\ntry: main()\nexcept SystemExit as exit: print(exit)"
    assert 'pip install "portkey-mistral[cli]"' in python_with("", code)


DEMO = """
import warnings
warnings.simplefilter("ignore")
from portkey_mistral.demo import main
raise SystemExit(main())
"""
FRAMEWORKS = {"langchain": "ChatPortkeyMistral", "llamaindex": "LlamaIndex"}


@pytest.mark.parametrize(
    "extras",
    [
        pytest.param("[cli]", marks=pytest.mark.full),
        pytest.param("[cli,langchain]", marks=pytest.mark.full),
        pytest.param("[cli,ocr,llamaindex]", marks=pytest.mark.full),
    ],
)
def test_the_demo_shows_what_is_installed(python_with, extras):
    shown = python_with(extras, DEMO)
    assert "scenes in" in shown
    for extra, name in FRAMEWORKS.items():
        assert (name in shown) == (extra in extras)
    assert ("18,400 euros" in shown) == ("ocr" in extras)
    assert "notebooks/" not in shown
