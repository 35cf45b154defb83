"""What an import loads, by name and never by time: a class's framework has loaded the rest."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

OURS = {"portkey_mistral", "langchain_portkey_mistral", "llamaindex_portkey_mistral"}
LANGCHAIN = "from langchain_core.language_models.chat_models import BaseChatModel"
# What is imported, and what a class of one's own for the same framework would have imported.
IMPORTS = {
    "from langchain_portkey_mistral import ChatPortkeyMistral": LANGCHAIN,
    "from langchain_portkey_mistral import PortkeyMistralEmbeddings": "from langchain_core.embeddings import Embeddings",
    "from langchain_portkey_mistral import PortkeyMistralFIM": "from langchain_core.language_models import BaseLLM",
    "from langchain_portkey_mistral import init_chat_model": f"{LANGCHAIN}; import langchain_core.runnables.configurable",
    "from llamaindex_portkey_mistral import PortkeyMistral": "from llama_index.core.llms import CustomLLM",
    "from llamaindex_portkey_mistral import PortkeyMistralEmbedding": "from llama_index.core.embeddings import BaseEmbedding",
    "import portkey_mistral": "import pydantic.main",
}
CALLING = [f"portkey_mistral.{name}" for name in ("_calls", "_engine", "_transport", "client")]
LATER = (
    "httpx",
    "sqlite3",
    *CALLING,
    "portkey_mistral._embedding",
    "portkey_mistral._speech",
    "portkey_mistral._wire.failures",
    "portkey_mistral.cli",
    "portkey_mistral.config.drawing",
    "portkey_mistral.config.svg",
    "portkey_mistral.resume",
    "portkey_mistral.sandbox",
    "portkey_mistral.simulation",
    "portkey_mistral.state.memory",
    "langchain_core.language_models.llms",
    "langchain_core.runnables.configurable",
    "langchain_portkey_mistral.parsers",
    "langchain_portkey_mistral.structured",
)
# The modules of classes, of which an import loads one.
CLASSES = {
    "langchain_portkey_mistral.chat_models": ("ChatPortkeyMistral", "init_chat_model"),
    "langchain_portkey_mistral.embeddings": ("PortkeyMistralEmbeddings",),
    "langchain_portkey_mistral.factory": ("init_chat_model",),
    "langchain_portkey_mistral.fim": ("PortkeyMistralFIM",),
    "llamaindex_portkey_mistral.embeddings": ("PortkeyMistralEmbedding",),
    "llamaindex_portkey_mistral.llm": ("PortkeyMistral",),
    "portkey_mistral.embeddings": ("PortkeyMistralEmbeddings", "PortkeyMistralEmbedding"),
    "portkey_mistral.generation": (
        "ChatPortkeyMistral",
        "PortkeyMistral",
        "PortkeyMistralFIM",
        "init_chat_model",
    ),
}


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def brought(statement: str, *, after: str = "pass") -> set[str]:
    """Name the modules that a statement loads in a fresh interpreter where another has been run."""
    # A framework's import may warn.
    ready = f"import sys, warnings\nwith warnings.catch_warnings(action='ignore'):\n    {after}\n"
    told = python(
        f"{ready}before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    )
    return set(told.split())


@pytest.fixture(params=IMPORTS, ids=lambda each: each.split()[-1])
def statement(request):
    return request.param


def test_an_import_loads_what_it_names_and_no_more(statement):
    loaded = brought(statement, after=IMPORTS[statement])
    asked = statement.split()[-1]
    others = {module for module, names in CLASSES.items() if asked not in names}
    assert loaded & (set(LATER) | others) == set()


def test_an_import_needs_nothing_beyond_its_framework(statement):
    loaded = {name.partition(".")[0] for name in brought(statement, after=IMPORTS[statement])}
    known = {"annotated_types", "langchain_core", "llama_index", "pydantic", "pydantic_core"}
    assert loaded - set(sys.stdlib_module_names) - OURS <= known


@pytest.mark.parametrize(
    "made",
    [
        "from langchain_portkey_mistral import ChatPortkeyMistral as Made",
        "from llamaindex_portkey_mistral import PortkeyMistral as Made",
        "from portkey_mistral import ConnectionSettings as Made",
    ],
    ids=["langchain", "llamaindex", "core"],
)
def test_what_makes_calls_is_loaded_by_the_first_object_and_not_by_its_first_call(made):
    assert set(CALLING) <= brought("Made(api_key='k')", after=made)


def test_a_first_call_loads_none_of_our_modules(mistral_sandbox_url):
    ready = (
        "from langchain_portkey_mistral import ChatPortkeyMistral; "
        f"model = ChatPortkeyMistral(api_key='k', base_url='{mistral_sandbox_url}')"
    )
    loaded = brought("list(model.stream('Hi')); model.invoke('Hi')", after=ready)
    assert {name for name in loaded if name.partition(".")[0] in OURS} == set()


# --- names that are imported when they are asked for ---


@pytest.fixture(
    params=[*sorted(OURS), "portkey_mistral._embedding", "portkey_mistral.state"],
)
def package(request):
    return request.param


def shown_to_type_checkers(package: str) -> dict[str, str]:
    """Read which names a package imports where only type checkers look, and from where."""
    tree = ast.parse(Path(importlib.import_module(package).__file__ or "").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and node.orelse)
    return {
        name.name: node.module or ""
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_a_name_that_is_asked_for_is_what_type_checkers_see(package):
    module = importlib.import_module(package)
    for name, home in shown_to_type_checkers(package).items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_every_name_is_listed_before_it_is_asked_for(package):
    code = f"import {package} as package; assert set(package.__all__) <= set(dir(package))"
    python(code)


def test_a_star_brings_every_name(package):
    python(f"from {package} import *; import {package}; [globals()[n] for n in {package}.__all__]")


def test_langchain_can_look_up_what_a_method_takes():
    """It asks for the hints of every method that is called on a model `with_fallbacks`."""
    package = importlib.import_module("langchain_portkey_mistral")
    for cls in filter(inspect.isclass, (getattr(package, name) for name in package.__all__)):
        for method in filter(inspect.isfunction, vars(cls).values()):
            get_type_hints(inspect.unwrap(method))


def test_a_module_of_the_package_is_an_attribute_of_it():
    python("import portkey_mistral; portkey_mistral.tokens.estimate_tokens('Hello')")
    python("import langchain_portkey_mistral as package; package.errors.RateLimitError")


def test_a_name_that_is_nowhere_is_told_as_by_any_module(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"^module '{package}' has no attribute 'Nobody'$"):
        _ = module.Nobody
    with pytest.raises(ImportError, match="^cannot import name 'Nobody' from"):
        exec(f"from {package} import Nobody")


def test_a_module_that_cannot_be_imported_says_so():
    code = (
        "import sys, portkey_mistral; sys.modules['redis'] = None\n"
        "try: portkey_mistral.state.redis\n"
        "except ModuleNotFoundError as error: print(error.name)"
    )
    assert python(code).strip() == "redis"
