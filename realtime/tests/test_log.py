"""What the log stores and refuses."""

import pytest
from django.db import transaction

from realtime import log
from realtime.log.writing import ROWS_AS_VALUES
from runs.events.kinds import Boot, Done, TaskStart, ToolProgress
from tests.events import sample

pytestmark = pytest.mark.django_db


def test_nothing_follows_the_last_event():
    for kind in (Boot, Done):
        log.append("run:1", [sample(kind)])
    with pytest.raises(log.StreamClosed, match="nothing follows its done"), transaction.atomic():
        log.append("run:1", [sample(TaskStart)])
    assert [entry.type for entry in log.read("run:1", 0)] == ["boot", "done"]
    log.append("run:2", [sample(TaskStart)])


@pytest.mark.parametrize("number", [1, ROWS_AS_VALUES, ROWS_AS_VALUES + 1, 300])
def test_the_log_has_the_text_that_is_published(number):
    texts = ["'\\ \" %s \\u0000 \n é \u2028 🙂", '"seq":1', "\0 \ud800"]
    events = [sample(ToolProgress, message=f"{texts[n % 3]} {n}") for n in range(number)]
    appended = log.append_all({"graph:a": events, "graph:b": events[:1]})
    for stream, entries in appended.items():
        assert log.read(stream, 0) == entries
    assert [entry.seq for entry in appended["graph:a"]] == [*range(1, number + 1)]
