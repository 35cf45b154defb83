"""Decides what to send next. No I/O, no clock and no dice of its own: they are given."""
