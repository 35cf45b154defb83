"""One scene per file: `play(stage)` runs it and shows its code."""
