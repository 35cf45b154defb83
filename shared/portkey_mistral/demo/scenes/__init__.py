"""One scene a file: `play(stage)` shows it, and shows the code that it runs."""
