from __future__ import annotations

import os

import pytest

from portkey_mistral._transport.permits import Bound, Permit

ONE = Bound("forked", 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_owes_no_permit_of_its_parent() -> None:
    with Permit(ONE):
        child = os.fork()
        if child == 0:
            with Permit(ONE):  # for ever, if the parent's were counted here
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
