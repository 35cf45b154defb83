"""Answer one question: `python -m helpdesk "Where is order 1234?"`."""

from __future__ import annotations

import sys

from helpdesk import orders

print(orders.answer(sys.argv[1]))
