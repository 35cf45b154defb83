"""`portkey-mistral explain`, and the notes of errors that lead to it."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from langchain_core.exceptions import OutputParserException

from command_line import COMMAND
from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral import Client, ConfigurationError, PortkeyMistralError, exceptions
from portkey_mistral.cli.explain import entries, find


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        COMMAND, ["explain", *arguments], env={"COLUMNS": "100", "NO_COLOR": "1"}
    )
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("name", entries())
def test_every_entry_is_shown(name: str) -> None:
    code, output = run(name)
    assert code == 0
    assert name in output.split()
    assert "](" not in output
    assert "**" not in output


@pytest.mark.parametrize("name", ["ratelimiterror", "portkey_mistral.exceptions.RateLimitError"])
def test_names_are_found_as_people_copy_them(name: str) -> None:
    assert run(name) == run("RateLimitError")


def test_a_wrong_name_is_answered_with_the_nearest_one() -> None:
    code, output = run("RateLimtError")
    assert code == 2
    assert "did you mean 'RateLimitError'?" in output
    with pytest.raises(ConfigurationError, match="they are ConfigurationError, Invalid"):
        find("zzz")


def raised() -> PortkeyMistralError:
    with pytest.raises(ConfigurationError) as error:
        Client(bas_url="sandbox:")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    return error.value


def test_a_traceback_ends_with_the_command_and_the_text_of_the_error_does_not_have_it() -> None:
    error = raised()
    assert traceback.format_exception(error)[-1] == (
        "Cause and cure: portkey-mistral explain ConfigurationError\n"
    )
    assert "explain" not in f"{error}{error!r}{error.message}"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
def test_a_copy_has_the_note_once(
    copied: Callable[[PortkeyMistralError], PortkeyMistralError],
) -> None:
    assert copied(raised()).__notes__ == raised().__notes__


def test_langchains_errors_lead_there_too() -> None:
    with pytest.raises(PortkeyMistralError) as refused:
        ChatPortkeyMistral(base_url="sandbox:").invoke([])
    assert refused.value.__notes__ == [
        "Cause and cure: portkey-mistral explain InvalidRequestError"
    ]
    chain = ChatPortkeyMistral(base_url="sandbox:", max_tokens=1).with_structured_output(
        {"title": "Card", "type": "object", "properties": {"name": {"type": "string"}}}
    )
    with pytest.raises(OutputParserException) as cut:
        chain.invoke("Name a city.")
    assert cut.value.__notes__ == ["Cause and cure: portkey-mistral explain TruncatedAnswerError"]


def test_a_published_site_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exceptions, "DOCUMENTATION", "https://docs.example/")
    (note,) = raised().__notes__
    assert note == "Cause and cure: https://docs.example/errors/#configurationerror"
