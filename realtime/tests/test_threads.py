"""The thread pool for queries of sockets."""

import asyncio
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from realtime.delivery import threads
from realtime.delivery.threads import LANES, POOL_THREADS, CallBatcher, in_thread


@pytest.mark.django_db(transaction=True)
async def test_a_connection_remembers_the_queries_of_one_call_at_most(settings):
    settings.DEBUG = True

    def ask() -> int:
        User.objects.count()
        return len(connection.queries_log)

    assert {await in_thread(ask) for _ in range(5 * POOL_THREADS)} == {1}


class TestTogether:
    @pytest.fixture(autouse=True)
    def no_rest(self, monkeypatch):
        monkeypatch.setattr(threads, "PAUSE_S", 0)

    async def test_a_crowd_is_asked_for_in_a_few_calls(self):
        calls = []
        go_on = threading.Event()

        def ask(keys: set[int]) -> dict[int, int]:
            calls.append(keys)
            go_on.wait(30)
            return {key: key * key for key in keys}

        batch = CallBatcher(ask)
        waiting = []
        for number in range(100):
            waiting.append(asyncio.create_task(batch(number)))
            await asyncio.sleep(0)
        go_on.set()
        answers = await asyncio.gather(*waiting)
        assert [answer[number] for number, answer in enumerate(answers)] == [
            n * n for n in range(100)
        ]
        assert sorted(key for keys in calls for key in keys) == list(range(100))
        assert len(calls) <= LANES + 1

    async def test_the_call_begins_after_the_question(self):
        """What was read for somebody before may be older than the question."""
        state = "before"
        reading, go_on = threading.Event(), threading.Event()

        def ask(keys: set[str]) -> str:
            read = state
            reading.set()
            go_on.wait(30)
            return read

        batch = CallBatcher(ask)
        first = asyncio.create_task(batch("first"))
        assert await in_thread(reading.wait, 5)
        state = "after"
        second = asyncio.create_task(batch("second"))
        await asyncio.sleep(0)
        go_on.set()
        assert [await first, await second] == ["before", "after"]

    async def test_all_who_share_a_call_get_its_error_and_the_next_call_is_none_the_worse(self):
        fails = True

        def ask(keys: set[int]) -> int:
            if fails:
                raise ConnectionError("away")
            return len(keys)

        batch = CallBatcher(ask)
        outcomes = await asyncio.gather(*map(batch, range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
        fails = False
        assert await batch(1) == 1

    async def test_who_goes_away_takes_nobody_along(self):
        reading, go_on = threading.Event(), threading.Event()

        def ask(keys: set[str]) -> set[str]:
            reading.set()
            go_on.wait(30)
            return keys

        batch = CallBatcher(ask)
        gone, stays = (asyncio.create_task(batch(name)) for name in ("gone", "stays"))
        await asyncio.sleep(0)
        assert await in_thread(reading.wait, 5)
        gone.cancel()
        go_on.set()
        assert await stays == {"gone", "stays"}
