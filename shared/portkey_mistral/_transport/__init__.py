"""Carries: the only place that knows an HTTP library, waits, and reads a clock."""
