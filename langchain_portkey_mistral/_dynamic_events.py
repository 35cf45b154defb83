"""Events of version 3 of a runnable that becomes a model in each run; LangChain's own classes have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig

__all__ = ["StreamsEvents"]


class StreamsEvents:
    """Comes before LangChain's own class in the bases."""

    if not TYPE_CHECKING:  # LangChain overloads these two by version

        def stream_events(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any:
            """Stream the events of a run; see `BaseChatModel.stream_events`."""
            if kwargs.get("version") != "v3":
                return super().stream_events(input, config, **kwargs)
            runnable, config = self.prepare(config)
            return runnable.stream_events(input, config, **kwargs)

        def astream_events(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any:
            """Stream the events of a run; see `BaseChatModel.astream_events`."""
            if kwargs.get("version") != "v3":
                return super().astream_events(input, config, **kwargs)
            runnable, config = self.prepare(config)
            return runnable.astream_events(input, config, **kwargs)
