"""Embeds any number of texts: cuts them into requests within both of Mistral's limits, sends a few at a
time, takes apart what is refused, and gives the vectors in the order of the texts.
"""

from typing import TYPE_CHECKING

from portkey_mistral.lazy import on_demand as _on_demand

if TYPE_CHECKING:
    from portkey_mistral._embedding.on_loop import aembed, aembed_iter
    from portkey_mistral._embedding.threads import embed, embed_iter
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {
            "aembed": "portkey_mistral._embedding.on_loop",
            "aembed_iter": "portkey_mistral._embedding.on_loop",
            "embed": "portkey_mistral._embedding.threads",
            "embed_iter": "portkey_mistral._embedding.threads",
        },
    )

__all__ = ["aembed", "aembed_iter", "embed", "embed_iter"]
