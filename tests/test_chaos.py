"""Whatever fails, every client ends with every event of its stream once, in order.

The short form: each fault once. ``make chaos`` goes on for ``CHAOS_ROUNDS`` rounds from
``CHAOS_SEED``.
"""

import json
import os
import random

import httpx
import msgpack
import pytest

from conftest import make_tenant
from tests.chaos.event_source import events_of
from tests.chaos.forms import FORMS, Frame
from tests.chaos.storm import Storm
from tests.chaos.transcript import Transcript

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(1, 2**31)
SECONDS = 45.0  # of each round
# An event that Redis lost comes from the log within 3 s; a busy machine may add the rest.
SWEPT_S = 6.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_every_client_ends_with_every_event_once(tmp_path, number):
    acme = make_tenant("acme")
    globex = make_tenant("globex")
    globex.organization.memberships.create(user=acme.viewer, role="viewer")
    storm = Storm([acme.crew, globex.crew], acme.viewer, tmp_path, SEED + number)
    outcome = storm.rage(SECONDS)
    print(f"\n{outcome}")
    assert not outcome.differences, outcome
    assert all(outcome.reconnects[form] for form in FORMS), f"a form never resumed\n{outcome}"
    assert outcome.compressed, outcome
    for strike in outcome.strikes:
        assert strike.committed, f"{strike.fault} hit no traffic\n{outcome}"
        assert strike.sockets, f"{strike.fault} hit no socket\n{outcome}"
        if strike.fault.startswith("Redis"):
            assert not strike.dropped, f"{strike.fault} cost clients their connection\n{outcome}"
            assert strike.late_s <= SWEPT_S, f"{strike.fault} made events late\n{outcome}"
            assert strike.healed_s <= SWEPT_S, f"{strike.fault} took long to heal\n{outcome}"
        else:
            assert strike.dropped, f"{strike.fault} cost no client its connection\n{outcome}"


def test_a_transcript_that_is_not_the_log_is_reported():
    texts = [
        f'{{"type":"tool_progress","seq":{seq},"timestamp":"2026-01-01T00:00:00Z"}}'
        for seq in range(1, 5)
    ]

    def difference(received: list[str]) -> str | None:
        transcript = Transcript("graph:x")
        for text in received:
            transcript.add(text)
        return transcript.differs_from(texts)

    assert difference(texts) is None
    assert "seq 3 after 1" in difference([texts[0], *texts[2:]])
    assert "seq 2 after 2" in difference([*texts[:2], *texts[1:]])
    assert "seq 2 after 0" in difference([texts[1], texts[0], *texts[2:]])
    assert "ends at 3 of 4" in difference(texts[:3])
    assert "not as logged: [4]" in difference([*texts[:3], texts[3].replace("}", " }")])
    assert "reset" in difference([*texts, '{"type":"reset","stream":"graph:x","reason":"ahead"}'])


def test_what_comes_as_messagepack_or_on_a_socket_for_several_is_compared_with_the_log():
    logged = '{"type":"tool_progress","seq":1,"timestamp":"2026-01-01T00:00:00Z","output":"é"}'
    event = json.loads(logged)

    def difference(received: Frame, *, named: bool) -> str | None:
        transcript = Transcript("graph:x", named)
        transcript.add(received)
        return transcript.differs_from([logged])

    as_bytes = event | {"output": "é".encode()}
    for named, stream in ((False, {}), (True, {"stream": "graph:x"})):
        assert difference(msgpack.packb(as_bytes | stream), named=named) is None
        assert difference(msgpack.packb(event | stream), named=named), "output is no bytes"
        assert difference(json.dumps(event | stream | {"output": "e"}), named=named)
    assert difference(logged, named=False) is None
    assert difference(json.dumps(event), named=False), "not byte for byte"
    assert difference(json.dumps(event | {"stream": "graph:x"}), named=True) is None
    assert difference(json.dumps(event | {"stream": "graph:y"}), named=True)
    assert difference(logged, named=True), "the stream is not named"


async def test_an_event_of_a_response_that_is_cut_is_none():
    body = (
        "id: e:1\ndata: {}\n\n: ping\n\nevent: close\ndata: a\u2028b\ndata: c\n\nid: e:2\ndata: {}"
    )

    async def parts():
        for byte in body.encode():
            yield bytes((byte,))

    events = [event async for event in events_of(httpx.Response(200, content=parts()))]
    assert events == [("message", "{}", "e:1"), ("close", "a\u2028b\nc", "e:1")]
