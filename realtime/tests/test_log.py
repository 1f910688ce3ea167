"""What the log refuses to hold."""

import pytest
from django.db import transaction

from realtime import log
from realtime.events import Event

pytestmark = pytest.mark.django_db


def test_nothing_follows_the_last_event():
    for kind in ("boot", "done"):
        log.append("run:1", [Event(kind, "1", "1")])
    with pytest.raises(log.StreamClosed, match="nothing follows its done"), transaction.atomic():
        log.append("run:1", [Event("task_start", "1", "1")])
    assert [entry.type for entry in log.read("run:1", 0)] == ["boot", "done"]
    log.append("run:2", [Event("task_start", "1", "2")])
