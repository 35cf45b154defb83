"""Turns settings and a request into one call."""
