"""Sends requests: HTTP libraries, connections, time limits and waits."""
