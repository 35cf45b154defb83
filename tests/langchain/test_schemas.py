"""JSON Schemas of tools and structured output: sent as they were written, from every kind of source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, Optional, Required, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import ReadOnly

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import InvalidRequestError
from scripted import answer, call, network


class Folder(BaseModel):
    """A folder."""

    name: str
    note: str | None = None
    sizes: dict[str, int] = {}
    folders: list[Folder] = []


class TypedFolder(TypedDict):
    """A folder.

    Args:
        name: What it is called.
    """

    name: str
    note: NotRequired[str | None]
    sizes: NotRequired[dict[str, int]]
    folders: NotRequired[list[TypedFolder]]


class FolderV1(BaseModelV1):
    """A folder."""

    name: str
    note: Optional[str] = None  # noqa: UP045 - pydantic v1
    sizes: dict[str, int] = {}
    folders: list[FolderV1] = []


FolderV1.update_forward_refs()


@dataclass
class FolderData:
    """A folder."""

    name: str
    note: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    folders: list[FolderData] = field(default_factory=list)


JSON_FOLDER: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "https://example.org/folder",
    "title": "Folder",
    "description": "A folder.",
    "$ref": "#/definitions/Folder",
    "definitions": {
        "Folder": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "note": {"type": ["string", "null"]},
                "sizes": {"type": "object", "additionalProperties": {"type": "integer"}},
                "folders": {"type": "array", "items": {"$ref": "#/definitions/Folder"}},
            },
            "required": ["name"],
        }
    },
}
FOLDERS: dict[str, Any] = {
    "pydantic": Folder,
    "pydantic v1": FolderV1,
    "typed dict": TypedFolder,
    "dataclass": FolderData,
    "json schema": JSON_FOLDER,
}


def file_away(root: Folder) -> str:
    """File it away."""
    return root.name


TOOLS: dict[str, Any] = {
    **FOLDERS,
    "function": file_away,
    "tool": tool(file_away),
    "tool with a class for its arguments": StructuredTool.from_function(
        lambda **_: "", name="folder", description="A folder.", args_schema=Folder
    ),
    "tool of an MCP server": StructuredTool(
        name="folder", description="A folder.", args_schema=JSON_FOLDER, func=lambda **_: ""
    ),
    "openai tool": {
        "type": "function",
        "function": {"name": "Folder", "parameters": JSON_FOLDER},
    },
    "anthropic tool": {"name": "Folder", "input_schema": JSON_FOLDER},
    "bedrock tool": {"toolSpec": {"name": "Folder", "inputSchema": {"json": JSON_FOLDER}}},
}


def body_of(use: Callable[[ChatPortkeyMistral], Any], reply: Any = None) -> dict[str, Any]:
    wire = network(reply or answer("{}"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    use(chat)
    body: dict[str, Any] = wire.bodies[0]
    return body


def sent_as_tool(source: Any, **arguments: Any) -> dict[str, Any]:
    body = body_of(lambda chat: chat.bind_tools([source], **arguments).invoke("go"))
    function: dict[str, Any] = body["tools"][0]["function"]
    return function


def sent_as_schema(source: Any, **arguments: Any) -> dict[str, Any]:
    def use(chat: ChatPortkeyMistral) -> None:
        chat.with_structured_output(source, method="json_schema", **arguments).first.invoke("go")  # type: ignore[attr-defined]

    json_schema: dict[str, Any] = body_of(use)["response_format"]["json_schema"]
    return json_schema


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that a schema describes, itself and within."""
    if isinstance(schema, list):
        for each in schema:
            yield from objects(each)
    elif isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for each in schema.values():
            yield from objects(each)


def check_folder(schema: dict[str, Any], *, strict: bool) -> None:
    folders = [each for each in objects(schema) if "folders" in each["properties"]]
    assert folders
    assert schema["type"] == "object"
    assert not {"$schema", "$id", "$ref"} & schema.keys()
    for folder in folders:
        properties = folder["properties"]
        assert folder["required"] == ["name"]
        assert properties["sizes"]["additionalProperties"] == {"type": "integer"}
        assert "Folder" in properties["folders"]["items"]["$ref"]
        assert folder.get("additionalProperties", True) is not strict


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("source", TOOLS)
def test_tools_of_every_kind_are_sent_as_written(source: str, strict: bool | None) -> None:
    function = sent_as_tool(TOOLS[source], strict=strict)
    assert function.get("strict") is strict
    check_folder(function["parameters"], strict=bool(strict))


@pytest.mark.parametrize("strict", [None, False])
@pytest.mark.parametrize("source", FOLDERS)
def test_schemas_of_every_kind_are_sent_as_written(source: str, strict: bool | None) -> None:
    json_schema = sent_as_schema(FOLDERS[source], strict=strict)
    assert json_schema["strict"] is (strict is None)
    check_folder(json_schema["schema"], strict=strict is None)


FORMATS: dict[str, Callable[[ChatPortkeyMistral, Any], Any]] = {
    "bound with tools": lambda chat, schema: chat.bind_tools([], response_format=schema),
    "bound": lambda chat, schema: chat.bind(response_format=schema),
}


@pytest.mark.parametrize("source", ["pydantic", "pydantic v1", "typed dict", "dataclass"])
@pytest.mark.parametrize("road", FORMATS)
def test_a_response_format_may_be_a_class(road: str, source: str) -> None:
    body = body_of(lambda chat: FORMATS[road](chat, FOLDERS[source]).invoke("go"))
    structured = sent_as_schema(FOLDERS[source])
    assert body["response_format"] == {"type": "json_schema", "json_schema": structured}


@pytest.mark.parametrize("source", ["pydantic", "dataclass", "json schema"])
def test_agents_send_the_same_schema_and_strictness(source: str) -> None:
    schema = FOLDERS[source]
    name = "Folder" if isinstance(schema, dict) else schema.__name__
    found = '{"name": "Letters"}'

    def run(strategy: Any) -> Callable[[ChatPortkeyMistral], Any]:
        go: Any = {"messages": [("user", "go")]}
        return lambda chat: create_agent(chat, response_format=strategy).invoke(go)

    by_tool = answer("", call(0, found, "WcG8xhSs1", name), finish="tool_calls")
    body = body_of(run(ToolStrategy(schema)), by_tool)
    check_folder(body["tools"][0]["function"]["parameters"], strict=False)

    body = body_of(run(ProviderStrategy(schema)), answer(found))
    json_schema = body["response_format"]["json_schema"]
    assert json_schema["strict"] is True
    check_folder(json_schema["schema"], strict=True)


class Total(TypedDict, total=False):
    """An order."""

    id: Required[int]
    note: str
    tag: Annotated[NotRequired[str], "A word."]


class Conventional(TypedDict):
    """An order.

    More of it.

    Args:
        id: Its number,
            in decimal.
    """

    id: int
    note: Annotated[str, ..., "What else."]
    tag: Annotated[str, None, "A word."]
    limited: Annotated[int, Field(ge=1)]
    fixed: ReadOnly[str]
    other: Total | None


def test_a_typed_dict_keeps_which_keys_are_required() -> None:
    function = sent_as_tool(Total)
    assert function["parameters"]["required"] == ["id"]
    assert function["description"] == "An order."
    assert list(function["parameters"]["properties"]) == ["id", "note", "tag"]


def test_a_typed_dict_keeps_langchains_conventions() -> None:
    function = sent_as_tool(Conventional)
    assert function["description"] == "An order.\n\nMore of it."
    parameters = function["parameters"]
    properties = parameters["properties"]
    assert parameters["required"] == ["id", "note", "limited", "fixed", "other"]
    assert properties["id"] == {"type": "integer", "description": "Its number, in decimal."}
    assert properties["note"] == {"type": "string", "description": "What else."}
    assert properties["tag"] == {"type": "string", "description": "A word."}
    assert properties["limited"] == {"type": "integer", "minimum": 1}
    assert properties["other"] == {"anyOf": [{"$ref": "#/$defs/Total"}, {"type": "null"}]}
    assert parameters["$defs"]["Total"]["required"] == ["id"]


def test_a_key_may_be_a_name_that_no_class_can_have() -> None:
    keys = {"class": str, "_id": int, "model_config": str, "schema": str}
    function = sent_as_tool(TypedDict("Odd", keys))  # type: ignore[operator]
    assert list(function["parameters"]["properties"]) == list(keys)


@pytest.mark.parametrize(
    "source", [list[Folder], Folder | TypedFolder, Folder | None, dict[str, int], int, str, 5]
)
def test_what_is_no_object_is_refused_with_the_way_out(source: Any) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match="class Answer.BaseModel.: "):
        chat.with_structured_output(source)
    with pytest.raises(InvalidRequestError, match="class Answer.BaseModel.: "):
        chat.bind_tools([source])


def test_titles_that_the_user_gave_stay() -> None:
    class Titled(BaseModel):
        name: str = Field(title="Name of it")
        other: int

    properties = sent_as_tool(Titled)["parameters"]["properties"]
    assert properties == {
        "name": {"type": "string", "title": "Name of it"},
        "other": {"type": "integer"},
    }


# --- a schema is written once for each class


class Plain(BaseModel):
    """Plain."""

    value: int = Field(default=1, examples=[1])


def function_of(source: Any) -> dict[str, Any]:
    bound: Any = ChatPortkeyMistral(base_url="sandbox:").bind_tools([source])
    return bound.kwargs["tools"][0]["function"]


def parameters_of(source: Any) -> dict[str, Any]:
    return function_of(source)["parameters"]


def test_a_schema_is_not_written_again_at_the_next_step_of_an_agent(monkeypatch) -> None:
    used = StructuredTool.from_function(lambda value: value, name="f", args_schema=Plain)
    first = parameters_of(used), parameters_of(Plain)
    monkeypatch.setattr(GenerateJsonSchema, "generate", None)
    assert (parameters_of(used), parameters_of(Plain)) == first


def test_what_is_changed_in_a_bound_schema_reaches_no_other() -> None:
    for _ in range(2):
        parameters = parameters_of(Plain)
        assert parameters["properties"]["value"]["examples"] == [1]
        parameters["properties"]["value"]["examples"].append(2)


def test_a_class_that_is_rebuilt_has_another_schema() -> None:
    class Changing(BaseModel):
        """Changing."""

        value: int = 1

    assert "description" not in parameters_of(Changing)["properties"]["value"]
    Changing.model_fields["value"].description = "New."
    Changing.model_rebuild(force=True)
    assert parameters_of(Changing)["properties"]["value"]["description"] == "New."


def test_a_new_docstring_is_the_new_description() -> None:
    class Documented(BaseModel):
        """Old."""

        value: int

    for doc in ("Old.", "New."):
        Documented.__doc__ = doc
        assert function_of(Documented)["description"] == doc


def test_a_schema_may_hold_values_that_are_not_json() -> None:
    class Odd(BaseModel):
        """Odd."""

        model_config = ConfigDict(json_schema_extra=lambda schema: schema.update(odd={1, 2}))
        value: int

    for _ in range(2):
        assert parameters_of(Odd)["odd"] == {1, 2}
