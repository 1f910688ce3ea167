"""What the log refuses to store."""

import pytest
from django.db import transaction

from realtime import log
from runs.events.kinds import Boot, Done, TaskStart
from tests.events import sample

pytestmark = pytest.mark.django_db


def test_nothing_follows_the_last_event():
    for kind in (Boot, Done):
        log.append("run:1", [sample(kind)])
    with pytest.raises(log.StreamClosed, match="nothing follows its done"), transaction.atomic():
        log.append("run:1", [sample(TaskStart)])
    assert [entry.type for entry in log.read("run:1", 0)] == ["boot", "done"]
    log.append("run:2", [sample(TaskStart)])
