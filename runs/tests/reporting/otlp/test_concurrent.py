"""Calls for the same trace at the same time, as several processes of a program send them."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from runs.models import Run
from runs.tests.reporting.otlp.conftest import (
    Exporter,
    final,
    let_end,
    recorded,
    spans_of,
    with_spans,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_calls_at_the_same_time_make_the_same_run(acme):
    key = acme.issue_key("report")[1]
    request = recorded("pydantic_ai")
    Exporter(key).send(request)
    let_end()
    (clean,) = final()
    Run.objects.all().delete()

    def send(seed: int) -> list[int]:
        order = random.Random(seed)
        spans = spans_of(request)[:]
        order.shuffle(spans)
        statuses = []
        try:
            for first in range(0, len(spans), 3):
                part = json.dumps(with_spans(request, spans[first : first + 3])).encode()
                while (status := Exporter(key).post(part).status_code) == 503:
                    statuses.append(status)  # an exporter sends the same again
                statuses.append(status)
        finally:
            connection.close()
        return statuses

    with ThreadPoolExecutor(4) as pool:
        statuses = {status for seen in pool.map(send, range(4)) for status in seen}
    assert statuses - {503} == {200}
    let_end()
    assert final() == [clean]
