"""`__all__` of every package is exactly what it offers."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from types import ModuleType

import pytest

PACKAGES = ("portkey_mistral", "langchain_portkey_mistral", "llamaindex_portkey_mistral")


@pytest.fixture(params=PACKAGES)
def package(request):
    return importlib.import_module(request.param)


def is_ours(value):
    """Tell a class or function of these packages from what they import for their own use."""
    module = getattr(value, "__module__", None) or ""
    return not isinstance(value, ModuleType) and module.partition(".")[0] in PACKAGES


def test_every_name_in_all_exists(package):
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_every_public_name_is_in_all(package):
    public = {name for name, value in vars(package).items() if name[0] != "_" and is_ours(value)}
    assert public <= set(package.__all__)


def test_no_name_is_in_all_twice(package):
    assert len(package.__all__) == len(set(package.__all__))


def test_the_version_is_that_of_the_distribution(package):
    assert package.__version__ == version("portkey-mistral")
