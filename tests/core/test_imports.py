"""What an import loads, by name and never by time: a class's framework has loaded the rest."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import get_type_hints

import pytest

OURS = {"portkey_mistral", "langchain_portkey_mistral", "llamaindex_portkey_mistral"}
LANGCHAIN = "from langchain_core.language_models.chat_models import BaseChatModel"
CONFIGURABLE = "import langchain_core.runnables.configurable"
# What is imported, and what a class of one's own for the same framework would have imported.
IMPORTS = {
    "from langchain_portkey_mistral import ChatPortkeyMistral": f"{LANGCHAIN}; {CONFIGURABLE}",
    "from langchain_portkey_mistral import PortkeyMistralEmbeddings": "from langchain_core.embeddings import Embeddings",
    "from langchain_portkey_mistral import PortkeyMistralFIM": "from langchain_core.language_models import BaseLLM",
    "from langchain_portkey_mistral import init_chat_model": f"{LANGCHAIN}; {CONFIGURABLE}",
    "from llamaindex_portkey_mistral import PortkeyMistral": "from llama_index.core.llms import CustomLLM",
    "from llamaindex_portkey_mistral import PortkeyMistralEmbedding": "from llama_index.core.embeddings import BaseEmbedding",
    "import portkey_mistral": "import pydantic.main",
}
# What makes calls. The classes of the adapters bring it; `import portkey_mistral` does not.
CALLING = [
    *(f"portkey_mistral.{name}" for name in ("_call", "_routing", "_transport", "client")),
    "portkey_mistral._embedding",
    "portkey_mistral._wire.errors",
    "portkey_mistral.state.memory",
]
LATER = (
    "aiohttp",
    "httpx",
    "sqlite3",
    "urllib3",
    "portkey_mistral.cli",
    "portkey_mistral.config.drawing.text",
    "portkey_mistral.config.drawing.svg",
    "portkey_mistral._embedding.vector_store",
    "portkey_mistral.sandbox",
    "portkey_mistral.simulation",
    "langchain_core.language_models.llms",
    "langchain_core.runnables.configurable",
    "langchain_portkey_mistral.output_parsers",
    "langchain_portkey_mistral._structured_output",
)
# The modules of classes, of which an import loads one.
CLASSES = {
    "langchain_portkey_mistral.chat_models": ("ChatPortkeyMistral", "init_chat_model"),
    "langchain_portkey_mistral.embeddings": ("PortkeyMistralEmbeddings",),
    "langchain_portkey_mistral.factory": ("init_chat_model",),
    "langchain_portkey_mistral.llms": ("PortkeyMistralFIM",),
    "llamaindex_portkey_mistral.embeddings": ("PortkeyMistralEmbedding",),
    "llamaindex_portkey_mistral.llm": ("PortkeyMistral",),
}


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def modules_loaded_by(statement: str, *, after: str = "pass") -> frozenset[str]:
    """Name the modules that a statement loads in a fresh interpreter where another has been run."""
    # A framework's import may warn.
    ready = f"import sys, warnings\nwith warnings.catch_warnings(action='ignore'):\n    {after}\n"
    output = python(
        f"{ready}before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    )
    return frozenset(output.split())


# Each is a fresh interpreter, and loads the same modules on every Python.
OFTEN = ("ChatPortkeyMistral", "PortkeyMistral", "portkey_mistral")


@pytest.fixture(
    params=[
        pytest.param(each, marks=() if each.split()[-1] in OFTEN else pytest.mark.full)
        for each in IMPORTS
    ],
    ids=lambda each: each.split()[-1],
)
def statement(request):
    return request.param


def test_an_import_loads_what_it_names_and_no_more(statement):
    loaded = modules_loaded_by(statement, after=IMPORTS[statement])
    public_name = statement.split()[-1]
    others = {module for module, names in CLASSES.items() if public_name not in names}
    assert loaded & (set(LATER) | others) == set()


def test_the_core_is_imported_without_what_makes_calls():
    assert modules_loaded_by("import portkey_mistral") & set(CALLING) == set()


def test_an_import_needs_nothing_beyond_its_framework(statement):
    loaded = {
        name.partition(".")[0] for name in modules_loaded_by(statement, after=IMPORTS[statement])
    }
    known = {"annotated_types", "langchain_core", "llama_index", "pydantic", "pydantic_core"}
    assert loaded - set(sys.stdlib_module_names) - OURS <= known


SYNC_TRANSPORT = {
    f"portkey_mistral._transport.{name}"
    for name in (
        "urllib3_transport",
        "urllib3_connections",
        "urllib3_errors",
        "keepalive",
        "encoding",
    )
}
"""What carries a sync call, which nobody needs who makes no other than async ones."""


def test_a_first_call_imports_only_its_transport(mistral_sandbox_url):
    ready = (
        "from langchain_portkey_mistral import ChatPortkeyMistral; "
        f"model = ChatPortkeyMistral(api_key='k', base_url='{mistral_sandbox_url}')"
    )
    loaded = modules_loaded_by("list(model.stream('Hi')); model.invoke('Hi')", after=ready)
    assert {name for name in loaded if name.partition(".")[0] in OURS} <= SYNC_TRANSPORT


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        ("client.chat(request)", {"urllib3"}),
        ("list(client.stream(request))", {"urllib3"}),
        ("asyncio.run(client.achat(request))", {"aiohttp"}),
        ("asyncio.run(streamed())", {"aiohttp"}),
        ("sandbox.chat(request), asyncio.run(sandbox.achat(request))", set()),
    ],
)
def test_a_call_imports_only_its_http_library(mistral_sandbox_url, call, needed):
    code = f"""
import asyncio, sys
from portkey_mistral import ChatRequest, Client, Message
client = Client(base_url={mistral_sandbox_url!r}, api_key="k")
sandbox = Client(base_url="sandbox:")
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
async def streamed():
    async for _ in client.astream(request): pass
{call}
print(*{{"urllib3", "aiohttp", "httpx", "httpx2", "httpcore"}} & set(sys.modules))
"""
    assert set(python(code).split()) == needed


# --- names that are imported on first access ---


@pytest.fixture(params=sorted(OURS))
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


def test_lazy_names_are_what_type_checkers_see(package):
    module = importlib.import_module(package)
    for name, home in shown_to_type_checkers(package).items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_dir_lists_lazy_names(package):
    code = f"import {package} as package; assert set(package.__all__) <= set(dir(package))"
    python(code)


@pytest.mark.full
def test_star_import(package):
    python(f"from {package} import *; import {package}; [globals()[n] for n in {package}.__all__]")


def test_type_hints_of_every_method_resolve():
    """It asks for the hints of every method that is called on a model `with_fallbacks`."""
    package = importlib.import_module("langchain_portkey_mistral")
    for cls in filter(inspect.isclass, (getattr(package, name) for name in package.__all__)):
        # pydantic adds `model_post_init`, whose hints only type checkers can resolve.
        methods = {name: each for name, each in vars(cls).items() if name != "model_post_init"}
        for method in filter(inspect.isfunction, methods.values()):
            get_type_hints(inspect.unwrap(method))


def test_a_module_of_the_package_is_an_attribute_of_it():
    python("import portkey_mistral; portkey_mistral.tokens.estimate_tokens('Hello')")
    python("import langchain_portkey_mistral as package; package.errors.RateLimitError")


def test_an_unknown_name_raises_as_in_any_module(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"^module '{package}' has no attribute 'Nobody'$"):
        _ = module.Nobody
    with pytest.raises(ImportError, match="^cannot import name 'Nobody' from"):
        exec(f"from {package} import Nobody")


def test_an_import_error_of_a_lazy_module_is_raised():
    code = (
        "import sys, langchain_portkey_mistral\n"
        "sys.modules['langchain_core.exceptions'] = None\n"
        "try: langchain_portkey_mistral.errors\n"
        "except ModuleNotFoundError as error: print(error.name)"
    )
    assert python(code).strip() == "langchain_core.exceptions"
