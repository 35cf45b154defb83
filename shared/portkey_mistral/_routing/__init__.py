"""Decides what to send next. No I/O, no clock and no random numbers of its own: they are passed in."""
