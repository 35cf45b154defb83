"""Default limits that the settings and the layers below share."""

__all__ = ["MAX_RESPONSE_BYTES"]

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""Default of `max_response_bytes`. 512 embeddings of 3,072 numbers take less than 40 MB of JSON."""
