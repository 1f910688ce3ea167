"""A client that takes nothing: its socket is closed, also if it has many streams."""

import pytest

from realtime.delivery import stuck_readers
from realtime.tests.delivery.machine import Delivery
from realtime.tests.delivery.wires import OverLive
from tests.waiting import comes_true

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("machine", [Delivery, OverLive])
def test_it_is_closed_after_a_time(machine, monkeypatch):
    monkeypatch.setattr(stuck_readers, "STUCK_S", 1.0)
    story = machine()
    story.connect(None)
    while story.calls:
        story.step(0)
    (client,) = story.clients
    assert [frame["type"] for frame in client.frames] == ["hello"]
    client.reading.clear()
    story.append(1)
    story.receive_announcement(story.announcements.pop())
    assert client.closed is None
    story.run(comes_true(lambda: client.closed is not None))
    assert client.closed == 4408
    story.clients = []
    story.teardown()
