from __future__ import annotations

from portkey_mistral.cli import main

main()
