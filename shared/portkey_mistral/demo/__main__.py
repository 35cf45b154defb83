from __future__ import annotations

import sys

from portkey_mistral.demo import main

sys.exit(main())
