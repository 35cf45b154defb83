"""The way in for both adapters, and for use without a framework."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

from portkey_mistral import _embedding
from portkey_mistral._calls import lost_parameters, prepare_call
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.drive import adrive, drive
from portkey_mistral._transport.streaming import AsyncStream, Stream
from portkey_mistral._wire.decode import decode_chat, decode_models, decode_moderation
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.messages import Message
from portkey_mistral.progress import ShowProgress
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    Operation,
    Request,
    ResponseFormat,
)
from portkey_mistral.responses import (
    ChatResponse,
    EmbeddingBatch,
    EmbeddingResponse,
    ModelCard,
    ModerationResponse,
)
from portkey_mistral.settings import ConnectionSettings

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Calls models over the chosen way: direct, through a Portkey gateway, or on the sandbox.

    It takes the fields of `ConnectionSettings` by name. It holds no connection: those belong to the
    process, so a client costs nothing, can be copied, pickled and used from any thread and event loop, and
    needs no closing.

    >>> from portkey_mistral import ChatRequest, Client, Message
    >>> client = Client(base_url="sandbox:")
    >>> request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello!")])
    >>> client.chat(request).finish_reason
    'stop'

    Every method raises the errors of `portkey_mistral.exceptions`; `options` says things for one call only.
    """

    def __init__(self, settings: ConnectionSettings | None = None, **fields: Any) -> None:
        _check_kind(settings)
        self.settings = ConnectionSettings(**fields) if settings is None else settings

    @classmethod
    def from_settings(cls, settings: ConnectionSettings) -> Client:
        """Make a client over settings that are read anew at every call."""
        return cls(settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(way={self.settings.way!r})"

    def chat(self, request: ChatRequest, options: CallOptions | None = None) -> ChatResponse:
        """Return a whole answer."""
        return drive(self._call("chat", request, options, decode_chat))

    async def achat(self, request: ChatRequest, options: CallOptions | None = None) -> ChatResponse:
        """Return a whole answer."""
        return await adrive(self._call("chat", request, options, decode_chat))

    def fim(self, request: FIMRequest, options: CallOptions | None = None) -> ChatResponse:
        """Return what stands between a prompt and a suffix."""
        return drive(self._call("fim", request, options, decode_chat))

    async def afim(self, request: FIMRequest, options: CallOptions | None = None) -> ChatResponse:
        """Return what stands between a prompt and a suffix."""
        return await adrive(self._call("fim", request, options, decode_chat))

    def stream(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None = None
    ) -> Stream:
        """Return an iterator of deltas; nothing is sent before the first is asked for."""
        return Stream(self._stream_call(request, options))

    def astream(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None = None
    ) -> AsyncStream:
        """Return an async iterator of deltas; nothing is sent before the first is asked for."""
        return AsyncStream(self._stream_call(request, options))

    def embed(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
        as_lists: bool = False,
    ) -> EmbeddingResponse:
        """Return a vector for each text, in order; any number of texts. No texts, no call.

        Several requests run side by side, fewer while the server says that it has too many. A job of more
        than one request goes on after a minute's rate limit; `max_retries=0` forbids that.

        `as_lists` makes lists of vectors that came packed (base64), while other texts are on their way.
        """
        return _embedding.embed(self.settings, request, options, show_progress, as_lists=as_lists)

    async def aembed(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
        as_lists: bool = False,
    ) -> EmbeddingResponse:
        """Return a vector for each text, in order; see `embed`."""
        return await _embedding.aembed(
            self.settings, request, options, show_progress, as_lists=as_lists
        )

    def embed_iter(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
    ) -> Iterator[EmbeddingBatch]:
        """Embed any number of texts in little memory: read as they are needed, given as they are finished.

        Batches come in the order of the texts, each with the position of its first. After an error, its
        `completed` holds the finished vectors that were not yet given.
        """
        return _embedding.embed_iter(self.settings, request, options, show_progress)

    def aembed_iter(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
    ) -> AsyncGenerator[EmbeddingBatch]:
        """The async twin of `embed_iter`.

        The texts come from an ordinary iterable, read on the loop; with `embed_resume`, which is a file, in a
        thread.
        """
        return _embedding.aembed_iter(self.settings, request, options, show_progress)

    def moderate(
        self, request: ModerationRequest, options: CallOptions | None = None
    ) -> ModerationResponse:
        """Return Mistral's verdict on each text, or on a conversation."""
        return drive(self._call("moderate", request, options, decode_moderation))

    async def amoderate(
        self, request: ModerationRequest, options: CallOptions | None = None
    ) -> ModerationResponse:
        """Return Mistral's verdict on each text, or on a conversation."""
        return await adrive(self._call("moderate", request, options, decode_moderation))

    def models(self, options: CallOptions | None = None) -> tuple[ModelCard, ...]:
        """Return the models that the server lists for this key."""
        return drive(self._call("models", None, options, decode_models))

    async def amodels(self, options: CallOptions | None = None) -> tuple[ModelCard, ...]:
        """Return the models that the server lists for this key."""
        return await adrive(self._call("models", None, options, decode_models))

    def keeps_response_format(self, model: str, options: CallOptions | None = None) -> bool:
        """Say whether JSON mode reaches the model on the way that a call would go.

        The gateway's unified lane drops it, and a call stays on that lane where guardrails are, or may be,
        in a config that only Portkey can see.
        """
        request = ChatRequest(
            model=model,
            messages=[Message.user("")],
            response_format=ResponseFormat("json_object"),
        )
        return not lost_parameters(self.settings, request, options)

    def _call(
        self,
        operation: Operation,
        request: Request | None,
        options: CallOptions | None,
        read: Callable[[Any], T],
    ) -> Call[T]:
        return prepare_call(self.settings, request, options, operation=operation, read=read)

    def _stream_call(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None
    ) -> Call[ChatResponse]:
        operation: Operation = "fim" if isinstance(request, FIMRequest) else "chat"
        return prepare_call(
            self.settings, request, options, operation=operation, read=decode_chat, stream=True
        )


def _check_kind(settings: object) -> None:
    if settings is not None and not isinstance(settings, ConnectionSettings):
        raise ConfigurationError(
            f"Client takes ConnectionSettings, or their fields by name, got {type(settings).__name__}: "
            "Client(api_key=...)."
        )
