"""The checks of `portkey-mistral doctor`, by subject. None of them shows a key."""
