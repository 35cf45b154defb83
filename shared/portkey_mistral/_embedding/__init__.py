"""Embeds any number of texts: cuts them into requests within both of Mistral's limits, sends a few at a
time, takes apart what is refused, and gives the vectors in the order of the texts.
"""

from portkey_mistral._embedding.on_loop import aembed, aembed_iter
from portkey_mistral._embedding.threads import embed, embed_iter

__all__ = ["aembed", "aembed_iter", "embed", "embed_iter"]
