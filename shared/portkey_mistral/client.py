"""`Client`: the API of the core, for use without a framework and by both adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from portkey_mistral._api import Operation
from portkey_mistral._call.feedback import prepare_feedback
from portkey_mistral._call.prepare import (
    is_translated_out_of_sight,
    lost_parameters,
    prepare_call,
)
from portkey_mistral._embedding.aio import aembed, aembed_iter
from portkey_mistral._embedding.threads import embed, embed_iter
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.run import arun, run
from portkey_mistral._transport.streaming import AsyncStream, Stream
from portkey_mistral._wire.ocr import decode_ocr
from portkey_mistral._wire.responses import (
    decode_chat,
    decode_classification,
    decode_models,
    decode_moderation,
)
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.messages import Message
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    Request,
    ResponseFormat,
)
from portkey_mistral.responses import (
    ChatResponse,
    ClassificationResponse,
    EmbeddingBatch,
    EmbeddingResponse,
    ModelCard,
    ModerationResponse,
    ShowProgress,
)
from portkey_mistral.settings.connection import MODEL_CONFIG, ConnectionSettings
from portkey_mistral.state import connect
from portkey_mistral.state.usage import UsageTotal, last_days

if TYPE_CHECKING:
    from portkey_mistral._batch.job import BatchJob
    from portkey_mistral.settings.connection_arguments import ConnectionArguments

__all__ = ["Client", "ConnectedSettings"]

T = TypeVar("T")


class Client:
    """Calls Mistral's models directly, through a Portkey gateway, or on the embedded sandbox.

    A client takes the fields of `ConnectionSettings` as arguments. It holds no connections: those are shared by the
    whole process. So a client is cheap to create, can be copied, pickled and used from any thread and event loop,
    and needs no closing.

    Examples:
        >>> from portkey_mistral import ChatRequest, Client, Message
        >>> client = Client(base_url="sandbox:")
        >>> request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello!")])
        >>> client.chat(request).finish_reason
        'stop'

    Every method that makes a call takes `options` for this call only.

    Raises:
        ConfigurationError: at construction, for an invalid setting, or settings that contradict each other.
        PortkeyMistralError: from every call; see `portkey_mistral.exceptions`.
    """

    def __init__(
        self, settings: ConnectionSettings | None = None, **fields: Unpack[ConnectionArguments]
    ) -> None:
        _check_settings(settings)
        self.settings = ConnectionSettings(**fields) if settings is None else settings

    @classmethod
    def from_settings(cls, settings: ConnectionSettings) -> Client:
        """Return a client with these settings, whose fields are read at every call."""
        return cls(settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mode={self.settings.mode!r})"

    def chat(self, request: ChatRequest, options: CallOptions | None = None) -> ChatResponse:
        """Send a chat request and return the complete answer."""
        return run(self._call("chat", request, options, decode_chat))

    async def achat(self, request: ChatRequest, options: CallOptions | None = None) -> ChatResponse:
        """Send a chat request and return the complete answer."""
        return await arun(self._call("chat", request, options, decode_chat))

    def fim(self, request: FIMRequest, options: CallOptions | None = None) -> ChatResponse:
        """Send a fill-in-the-middle request; the text is that between the prompt and the suffix."""
        return run(self._call("fim", request, options, decode_chat))

    async def afim(self, request: FIMRequest, options: CallOptions | None = None) -> ChatResponse:
        """Send a fill-in-the-middle request; the text is that between the prompt and the suffix."""
        return await arun(self._call("fim", request, options, decode_chat))

    def stream(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None = None
    ) -> Stream:
        """Return an iterator over the deltas of the answer; the request is sent when the first is requested."""
        return Stream(self._stream_call(request, options))

    def astream(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None = None
    ) -> AsyncStream:
        """Return an async iterator over the deltas of the answer; the request is sent when the first is requested."""
        return AsyncStream(self._stream_call(request, options))

    def embed(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
        as_lists: bool = False,
        positions: Sequence[int] | None = None,
    ) -> EmbeddingResponse:
        """Return one vector per text, in order, for any number of texts. Without texts nothing is sent.

        Texts are split into requests within Mistral's limits. Several requests are in flight at once (8, or
        `max_concurrency`), and fewer while the server refuses some. A job of more than one request waits for a rate
        limit to be lifted; `max_retries=0` forbids that. After an error its `completed` has the finished vectors.

        Args:
            request: The texts and parameters.
            options: Options of this job.
            show_progress: True for a progress bar, or a function that receives an `EmbeddingProgress`.
            as_lists: Convert vectors that arrived packed (base64) to lists, while other requests are in flight.
            positions: Positions of the inputs in a longer list of the caller's, for errors to name.
        """
        return embed(
            self.settings, request, options, show_progress, as_lists=as_lists, positions=positions
        )

    async def aembed(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
        as_lists: bool = False,
        positions: Sequence[int] | None = None,
    ) -> EmbeddingResponse:
        """The async version of `embed`."""
        return await aembed(
            self.settings, request, options, show_progress, as_lists=as_lists, positions=positions
        )

    def embed_iter(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
    ) -> Iterator[EmbeddingBatch]:
        """Embed any number of texts in bounded memory: they are read on demand, and vectors are yielded as they finish.

        Batches are yielded in the order of the texts, each with the position of its first text. After an error its
        `completed` has the finished vectors that were not yielded.
        """
        return embed_iter(self.settings, request, options, show_progress)

    def aembed_iter(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        show_progress: ShowProgress = False,
    ) -> AsyncGenerator[EmbeddingBatch]:
        """The async version of `embed_iter`.

        The iterable of texts is read on the event loop; with `embed_resume`, in a thread, since the resume store is a
        file.
        """
        return aembed_iter(self.settings, request, options, show_progress)

    def batch(
        self,
        requests: Iterable[Request],
        options: CallOptions | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """Send requests as a batch: answered within hours instead of seconds, at half the price.

        Requests may be of any number and of several kinds and models; if Mistral's limits require several jobs, the
        result represents them as one. They are read once, and only a part of them is in memory at a time. Only Mistral
        itself offers batches, not its regional hosts, and not Portkey.

        Examples:
            >>> job = client.batch([request, request])
            >>> progress = job.wait_until_done(poll=0.01)
            >>> [result.response.finish_reason for result in job.results()]
            ['stop', 'stop']

        Args:
            requests: The requests: chat, fill-in-the-middle, embeddings, moderation, classification or OCR.
            options: Options of all calls that the batch makes.
            name: A name of your choice, which becomes the job's `id`. With it a call is repeatable: after a crash at any
                point the same call with the same requests creates only what is missing. By default an id is drawn.
            metadata: Metadata of the jobs at Mistral: keys of at most 32 and values of at most 512 characters.
            timeout_hours: Hours after which Mistral gives up, 1 to 168.

        Raises:
            InvalidRequestError: a request cannot succeed; `index` is its position. Requests before it may have been sent.
            BudgetExceededError: a budget has no room for a job. Jobs before it run.
            ConfigurationError: in gateway mode, and for a config with several targets.
            ResidencyError: with `data_residency`, and for a regional host.
        """
        from portkey_mistral._batch.start import start_batch

        return start_batch(
            self.settings,
            requests,
            options,
            name=name,
            metadata=metadata,
            timeout_hours=timeout_hours,
        )

    async def abatch(
        self,
        requests: Iterable[Request],
        options: CallOptions | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """The async version of `batch`. Requests are read and sent in a thread."""
        return await asyncio.to_thread(
            self.batch,
            requests,
            options,
            name=name,
            metadata=metadata,
            timeout_hours=timeout_hours,
        )

    def embed_job(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """Embed any number of texts as a batch; see `batch`. `BatchJob.vectors` yields their vectors in order.

        The requests of the job are those into which the texts are split, so its progress counts requests.

        Examples:
            >>> job = client.embed_job(
            ...     EmbeddingRequest(model="mistral-embed", inputs=["Hello!", "Bonjour !"])
            ... )
            >>> progress = job.wait_until_done(poll=0.01)
            >>> [len(vector) for vector in job.vectors()]
            [1024, 1024]
        """
        from portkey_mistral._batch.texts import split_texts

        requests: Iterable[EmbeddingRequest] = split_texts(request)
        if isinstance(request.inputs, Sequence):
            # All texts are checked before anything is sent, and the failed requests can be sent again.
            requests = list(requests)
        return self.batch(
            requests, options, name=name, metadata=metadata, timeout_hours=timeout_hours
        )

    async def aembed_job(
        self,
        request: EmbeddingRequest,
        options: CallOptions | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
    ) -> BatchJob:
        """The async version of `embed_job`."""
        return await asyncio.to_thread(
            self.embed_job,
            request,
            options,
            name=name,
            metadata=metadata,
            timeout_hours=timeout_hours,
        )

    def resume_batch(self, batch_id: str, options: CallOptions | None = None) -> BatchJob:
        """Find a batch by its `id` or its name, or by the id of a single job at Mistral.

        Raises:
            ConfigurationError: there is none, or its jobs were not all created.
        """
        from portkey_mistral._batch.start import resume_batch

        return resume_batch(self.settings, batch_id, options)

    async def aresume_batch(self, batch_id: str, options: CallOptions | None = None) -> BatchJob:
        """The async version of `resume_batch`."""
        return await asyncio.to_thread(self.resume_batch, batch_id, options)

    def moderate(
        self, request: ModerationRequest, options: CallOptions | None = None
    ) -> ModerationResponse:
        """Return the classification of each text, or of a conversation."""
        return run(self._call("moderate", request, options, decode_moderation))

    async def amoderate(
        self, request: ModerationRequest, options: CallOptions | None = None
    ) -> ModerationResponse:
        """Return the classification of each text, or of a conversation."""
        return await arun(self._call("moderate", request, options, decode_moderation))

    def classify(
        self, request: ClassificationRequest, options: CallOptions | None = None
    ) -> ClassificationResponse:
        """Return the scores of each text, or of a conversation, by a fine-tuned classifier."""
        return run(self._call("classify", request, options, decode_classification))

    async def aclassify(
        self, request: ClassificationRequest, options: CallOptions | None = None
    ) -> ClassificationResponse:
        """The async version of `classify`."""
        return await arun(self._call("classify", request, options, decode_classification))

    def ocr(self, request: OCRRequest, options: CallOptions | None = None) -> OCRResponse:
        """Read a document, and return its pages as Markdown.

        >>> from portkey_mistral import DocumentPart, OCRRequest
        >>> document = DocumentPart("https://example.com/report.pdf")
        >>> response = client.ocr(OCRRequest(model="mistral-ocr-latest", document=document))
        >>> response.pages[0].index
        0
        """
        return run(self._call("ocr", request, options, decode_ocr))

    async def aocr(self, request: OCRRequest, options: CallOptions | None = None) -> OCRResponse:
        """The async version of `ocr`."""
        return await arun(self._call("ocr", request, options, decode_ocr))

    def models(self, options: CallOptions | None = None) -> tuple[ModelCard, ...]:
        """Return the models that the server lists for the key."""
        return run(self._call("models", None, options, decode_models))

    async def amodels(self, options: CallOptions | None = None) -> tuple[ModelCard, ...]:
        """Return the models that the server lists for the key."""
        return await arun(self._call("models", None, options, decode_models))

    def usage(self, days: int = 31) -> Sequence[UsageTotal]:
        """Return what calls with a `budget` used and cost in the last days, by day, model and key of the budget.

        They come from the state store. Rows with the key "" count all calls with a budget; `Budget(usd=None)` counts
        without a limit. Nothing is sent to a model.

        Args:
            days: Number of days, today included, from 1 to 62 (which is how long usage is kept).

        Raises:
            InvalidRequestError: `days` is something else.
        """
        return connect(self.settings.state).usage(last_days(days, datetime.now(UTC).date()))

    async def ausage(self, days: int = 31) -> Sequence[UsageTotal]:
        """The async version of `usage`."""
        return await asyncio.to_thread(self.usage, days)

    def feedback(
        self,
        trace_id: str,
        value: int,
        weight: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """Send feedback on an answer to Portkey, and return the ids of the stored feedback.

        Args:
            trace_id: The trace id of the call: its `trace_id`, or `info.trace_id` of the answer.
            value: A whole number from -10 to 10.
            weight: From 0 to 1; Portkey's default is 1.
            metadata: Any JSON object.

        Raises:
            InvalidRequestError: Portkey would refuse the feedback.
            ConfigurationError: in direct mode, and through the open-source gateway, which does not store feedback.
        """
        return run(prepare_feedback(self.settings, trace_id, value, weight, metadata))

    async def afeedback(
        self,
        trace_id: str,
        value: int,
        weight: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """The async version of `feedback`."""
        return await arun(prepare_feedback(self.settings, trace_id, value, weight, metadata))

    def keeps_response_format(self, model: str, options: CallOptions | None = None) -> bool:
        """Return whether a `response_format` is sure to reach the model, and in the form that its provider takes.

        It is not where the open-source gateway's unified lane drops it, and where only Portkey knows the targets: one may
        be OpenAI's, which takes other schemas, or the gateway one that drops it (enterprise gateways before 2.5.0).
        """
        request = ChatRequest(
            model=model,
            messages=[Message.user("")],
            response_format=ResponseFormat("json_object"),
        )
        return not (
            lost_parameters(self.settings, request, options)
            or is_translated_out_of_sight(self.settings, request, options)
        )

    def _call(
        self,
        operation: Operation,
        request: Request | None,
        options: CallOptions | None,
        decode: Callable[[Any], T],
    ) -> Call[T]:
        return prepare_call(self.settings, request, options, operation=operation, decode=decode)

    def _stream_call(
        self, request: ChatRequest | FIMRequest, options: CallOptions | None
    ) -> Call[ChatResponse]:
        operation: Operation = "fim" if isinstance(request, FIMRequest) else "chat"
        return prepare_call(
            self.settings, request, options, operation=operation, decode=decode_chat, stream=True
        )


def _check_settings(settings: object) -> None:
    if settings is not None and not isinstance(settings, ConnectionSettings):
        raise ConfigurationError(
            f"Client takes ConnectionSettings, or their fields as arguments, got {type(settings).__name__}: "
            "Client(api_key=...)."
        )


class ConnectedSettings(ConnectionSettings):
    """`ConnectionSettings` with a `client`. Every public class of the adapters inherits them."""

    model_config = MODEL_CONFIG

    @property
    def client(self) -> Client:
        """A client with these settings. It uses fields as they are at each call."""
        return Client(self)
