"""Whatever a server answers, a call ends in an answer or in one of our errors, and its fallback answers instead."""

from __future__ import annotations

import pickle

import pytest

from any_answer import AnyServer, failures, streamed_bodies, whole_bodies
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client


@pytest.mark.parametrize("kind", [KINDS[0], STREAMED[0]])
def test_any_answer(kind: Kind) -> None:
    server = AnyServer()
    bodies = whole_bodies(step=2) if kind in KINDS else streamed_bodies(step=2)

    def call(client: Client) -> str:
        answer = kind.run(client, ask(), None)
        pickle.dumps(answer)
        return answer.text

    alone, falling_back = (Client(**server.fields(fall_back=each)) for each in (False, True))
    assert failures(server, bodies, lambda: call(alone), lambda: call(falling_back)) == []
