"""The command `portkey-mistral chat`, and its options; `chat.py` carries it out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from portkey_mistral.cli.connection import BaseUrl, Config, GatewayUrl, Provider, connection
from portkey_mistral.cli.console import clean_end, examples
from portkey_mistral.cli.model_completion import complete_models

__all__ = ["EPILOG", "chat"]

EPILOG = examples(
    "portkey-mistral chat",
    'portkey-mistral chat "What is a circuit breaker?" --base-url sandbox:',
    'cat report.md | portkey-mistral chat "Summarise this." > summary.md',
    "portkey-mistral chat --tools tools.py --config route.json",
)


def chat(  # noqa: PLR0917  typer reads the options off the signature
    prompt: Annotated[
        str | None,
        typer.Argument(help="The question. Without one, a conversation starts in the terminal."),
    ] = None,
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="Model id or alias.", autocompletion=complete_models()),
    ] = "mistral-small-latest",
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="Instructions for the model.")
    ] = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            help="A Python file whose public functions the model may call. They run on this machine.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=1.5, help="Sampling temperature.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of tokens of an answer.")
    ] = None,
    base_url: BaseUrl = None,
    gateway_url: GatewayUrl = None,
    config: Config = None,
    provider: Provider = None,
) -> None:
    """Chat in the terminal, with the route and the cost of each call.

    The answer is streamed to standard output; everything else goes to standard error.
    Piped input is added to the question.
    """
    with clean_end():
        from portkey_mistral.cli import chat as conversation
        from portkey_mistral.client import Client
        from portkey_mistral.messages import Message
        from portkey_mistral.requests import ChatRequest

        request = ChatRequest(
            model=model,
            messages=[] if system is None else [Message.system(system)],
            temperature=temperature,
            max_tokens=max_tokens,
        )
        functions = None
        if tools is not None:
            from portkey_mistral.cli.tools_file import load_tools

            functions = load_tools(tools)
        client = Client(**connection(base_url, gateway_url, config, provider))
        talk = conversation.Chat(client, request, functions)
        question = "\n\n".join(filter(None, (prompt, conversation.piped_input().strip())))
        if question:
            talk.ask(question)
        elif conversation.is_terminal():
            conversation.converse(talk)
        else:
            raise typer.BadParameter(
                "pass a question, or pipe one to the command", param_hint="PROMPT"
            )
