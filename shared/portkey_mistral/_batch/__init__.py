"""Batch jobs: requests are uploaded, answered within hours at half the price, and fetched."""
