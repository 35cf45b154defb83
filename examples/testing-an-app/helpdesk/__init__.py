"""A help desk that answers customers with Mistral's models. It knows nothing of tests."""
