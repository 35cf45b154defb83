"""JSON Schema: valid schemas, valid values, and made-up strings. No dependency of ours does this."""
