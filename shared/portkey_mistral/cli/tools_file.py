"""Tools from a Python file: its public functions, described by their signatures and docstrings."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ArgsKwargs, to_json

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.messages import ToolCall
from portkey_mistral.requests import Tool, wire_name

__all__ = ["ToolsFile", "load_tools"]


@dataclass(frozen=True, slots=True)
class _Function:
    call: Callable[..., Any]
    adapter: TypeAdapter[Any]
    tool: Tool


class ToolsFile:
    """The functions of a file, by the name under which a model knows them."""

    def __init__(self, functions: Mapping[str, _Function]) -> None:
        self._functions = functions

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(function.tool for function in self._functions.values())

    def run(self, call: ToolCall, *, truncated: bool = False) -> str:
        """Call the function, and return its result as text for the model; an error is a result too.

        `truncated` means that the answer with the call was cut off.
        What the function prints goes to standard error, because standard output is the model's.
        """
        function = self._functions.get(wire_name(call.name))
        if function is None:
            return f"Error: there is no tool {call.name!r}. Tools: {', '.join(self._functions)}."
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return _text_of(_result_of(function, call.parse_arguments(truncated=truncated)))
        except ValidationError as error:
            return f"Error: invalid arguments. {_problems(error)}"
        except (Exception, SystemExit) as error:  # noqa: BLE001  the user's function may raise anything
            return f"Error: {type(error).__name__}: {error}"


def load_tools(path: Path) -> ToolsFile:
    """Run a Python file, and return its public functions: those of `__all__`, or all that it defines without `_`.

    Raises:
        ConfigurationError: the file fails, has no such function, or one whose parameters cannot be described.
    """
    module = _run(path)
    functions = {wire_name(name): _described(name, call, path) for name, call in _public(module)}
    if not functions:
        raise ConfigurationError(
            f"{path} defines no public function. A tool is a plain function without a framework's decorator, described by "
            "its docstring and type hints."
        )
    return ToolsFile(functions)


def _run(path: Path) -> ModuleType:
    name = f"portkey_mistral_tools_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is not a Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    # As if it was run as a script: modules next to it can be imported, and its classes find their module.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the user's file may raise anything
        raise ConfigurationError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}{_line(error, path)}"
        ) from None
    return module


def _line(error: BaseException, path: Path) -> str:
    """Return the last line of the file that was run before the error."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
    return f" (line {lines[-1]})" if lines else ""


def _public(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    names = getattr(module, "__all__", None)
    for name, value in vars(module).items():
        is_own = inspect.isfunction(value) and value.__module__ == module.__name__
        if (name in names) if names is not None else (is_own and not name.startswith("_")):
            if not inspect.isfunction(value):
                raise ConfigurationError(
                    f"{name} in __all__ of {module.__file__} is not a plain function. Remove a framework's decorator if it "
                    "has one."
                )
            yield name, value


def _described(name: str, call: Callable[..., Any], path: Path) -> _Function:
    try:
        callable_type: Any = call  # pydantic takes functions too, but its hints name types only
        adapter = TypeAdapter[Any](callable_type)
        schema = adapter.json_schema()
    except (PydanticUserError, NameError, TypeError) as error:
        raise ConfigurationError(
            f"The parameters of {name} in {path} cannot be described to a model: {str(error).splitlines()[0]}. Use named "
            "parameters with types that JSON has."
        ) from None
    return _Function(call, adapter, Tool(name, inspect.getdoc(call) or "", schema))


def _result_of(function: _Function, arguments: Mapping[str, Any]) -> Any:
    result = function.adapter.validate_python(ArgsKwargs((), dict(arguments)))
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _text_of(result: Any) -> str:
    return result if isinstance(result, str) else to_json(result, fallback=str).decode()


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
