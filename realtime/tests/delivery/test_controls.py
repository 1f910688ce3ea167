"""Each guarantee with its guard taken away: the test that sees the list then fails.

Also the scenario that each guard is for, run with the guard and without it.
"""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from realtime import log
from realtime.models import Stream
from realtime.tests.delivery.machine import EXAMPLES, OnlyAnnouncements
from realtime.tests.delivery.parts import Probe
from runs.events.kinds import TaskStart

# Short stories: what comes later would heal the fault.
CONTROL = settings(
    EXAMPLES,
    max_examples=2000,
    stateful_step_count=8,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)

pytestmark = pytest.mark.django_db(transaction=True)


class JoinsLast(Probe):
    """Reads where to start before it has joined."""

    async def _follow(
        self, followed: set[str], since: int | None = None, epoch: str | None = None
    ) -> None:
        starts = await self._starts(sorted(followed), since, epoch)
        for stream in followed:
            self.followers[stream] = await self._join(stream)
            await self._start(stream, starts[stream])


class JoinedLast(OnlyAnnouncements):
    consumer = JoinsLast


class PublishedEarly(OnlyAnnouncements):
    publishes_early = True


class Autoincremented(OnlyAnnouncements):
    """Numbers are handed out before the commit, as an autoincrement column does."""

    last = 0

    def take(self, count: int) -> int:
        self.last += count
        return self.last - count + 1

    def write(self, events: list[TaskStart], first: int) -> list[log.Entry]:
        stream, _ = Stream.objects.get_or_create(name=self.stream)
        Stream.objects.filter(pk=stream.pk).update(head=first - 1)
        entries = log.append(self.stream, events)
        Stream.objects.filter(pk=stream.pk).update(head=max(stream.head, entries[-1].seq))
        return entries


@pytest.mark.parametrize(
    ("machine", "seen"),
    [
        (PublishedEarly, "not what was committed"),
        (Autoincremented, "not what was committed|without a reason|never comes to rest|a hole"),
    ],
)
def test_without_its_guard_the_list_is_not_seen(machine, seen):
    with pytest.raises(AssertionError, match=seen):
        run_state_machine_as_test(machine, settings=CONTROL)


@pytest.mark.parametrize("machine", [OnlyAnnouncements, JoinedLast])
def test_an_event_between_reading_and_starting(machine):
    """The story that joining first is for; without it the event is missed for good."""
    story = machine()
    log.position(story.stream)  # which there is, then
    story.connect(None)
    story.step(0)  # where it starts: read now
    story.append(1)
    story.receive_announcement(story.announcements.pop())
    if machine is OnlyAnnouncements:
        story.teardown()
    else:
        with pytest.raises(AssertionError, match="left behind"):
            story.teardown()


@pytest.mark.parametrize("first", [0, 1], ids=["in order", "overtaken"])
def test_an_announcement_that_overtakes_another(first):
    """The story that the log is for: an event that is not the next one is not believed."""
    story = OnlyAnnouncements()
    story.connect(None)
    story.come_to_rest()
    for _ in range(2):
        story.append(1)
    story.receive_announcement(story.announcements.pop(first))
    story.come_to_rest()
    assert [int(event["task_id"]) for event in story.clients[0].events()] == [1, 2]
    story.teardown()


@pytest.mark.parametrize("text", [b"\xff", b"no JSON", b"null", b"[]", b"{}", b'{"seq": "2"}'])
def test_what_is_no_event_is_passed_over(text):
    """Anybody with the password of Redis can publish."""
    story = OnlyAnnouncements()
    story.connect(None)
    story.come_to_rest()
    story.receive_announcement(text)
    story.append(1)
    story.receive_announcement(story.announcements.pop())
    assert [int(event["task_id"]) for event in story.clients[0].events()] == [1]
    story.teardown()


@pytest.mark.parametrize("machine", [OnlyAnnouncements, Autoincremented])
def test_the_later_of_two_writers_commits_first(machine):
    """The story that numbers in the order of commits are for; otherwise the first comes too
    late.
    """
    story = machine()
    story.connect(None)
    story.come_to_rest()
    for _ in range(2):
        story.begin(1)
    for which in (1, 0):
        story.end(which, committed=True)
        story.receive_announcement(story.announcements.pop())
        for _ in range(4):  # the two calls that a hole costs, if there is one
            if story.calls:
                story.step(0)
    story.come_to_rest()
    (client,) = story.clients
    if machine is OnlyAnnouncements:
        assert [int(event["task_id"]) for event in client.events()] == [2, 1]
        story.teardown()
    else:
        assert client.resets(), "what came first could not be the first"
        with pytest.raises(AssertionError, match="without a reason"):
            story.teardown()


@pytest.mark.parametrize("machine", [OnlyAnnouncements, Autoincremented])
def test_a_writer_that_rolls_back_beside_one_that_commits(machine):
    """The story that numbers taken under the lock are for; otherwise a hole stays for ever."""
    story = machine()
    story.connect(None)
    story.come_to_rest()
    for _ in range(2):
        story.begin(1)
    story.end(0, committed=False)
    story.end(0, committed=True)
    if machine is OnlyAnnouncements:
        story.come_to_rest()
        assert [int(event["task_id"]) for event in story.clients[0].events()] == [2]
        story.teardown()
    else:
        with pytest.raises(AssertionError, match="never comes to rest"):
            story.teardown()
