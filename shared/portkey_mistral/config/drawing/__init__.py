"""Renders a config as text, Mermaid and SVG. Keys are never drawn."""
