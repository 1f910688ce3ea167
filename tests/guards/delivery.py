"""What keeps every socket's events whole and in order."""

from tests.guards.guard import Edit, guard

BASE = "realtime/consumers/base.py"
JOIN = """        for stream in sorted(followed):
            if stream not in self.followers:
                self.followers[stream] = await self._join(stream)
        if not self.followers:
            await self.say(_hello(stream=None, epoch=None, head=0))
        starts = await self._starts(sorted(followed), since, epoch)
"""
JOIN_LAST = """        starts = await self._starts(sorted(followed), since, epoch)
        for stream in sorted(followed):
            if stream not in self.followers:
                self.followers[stream] = await self._join(stream)
"""
POISON = "realtime/tests/test_poison.py"
CONTROLS = "realtime/tests/delivery/test_controls.py"

DELIVERY = (
    guard(
        "delivery: published after the commit",
        "realtime/publish.py",
        "transaction.on_commit(partial(_publish, stream, entries))",
        "_publish(stream, entries)",
        "realtime/tests/test_signals.py::test_what_is_published_has_been_committed",
    ),
    guard(
        "delivery: joined before it is read where to start",
        *(BASE, JOIN, JOIN_LAST),
        f"{CONTROLS}::test_an_event_between_reading_and_starting[OnlyDoorbells]",
    ),
    guard(
        "delivery: an event that is not the next is read from the log",
        "realtime/hub.py",
        "if self.head is not None and seq == self.head + 1:",
        "if self.head is not None:",
        f"{CONTROLS}::test_a_doorbell_that_overtakes_another[overtaken]",
        # Behind it, whoever gets one that is not the next falls back to the log.
        behind=(Edit("realtime/hub.py", "if entry.seq == before + 1:", "if True:"),),
    ),
    guard(
        "delivery: a socket that takes nothing reads the log",
        *("realtime/hub.py", "            follower.fall_behind(before)", "            pass"),
        "realtime/tests/test_follower.py::test_who_takes_nothing_reads_the_log_from_there",
    ),
    guard(
        "delivery: an epoch that is another",
        *("realtime/log.py", "if epoch is not None and epoch != self.epoch:", "if False:"),
        "realtime/tests/test_api.py::"
        "test_a_position_the_stream_does_not_know_begins_anew_and_says_why",
    ),
    guard(
        "delivery: what was pruned is said",
        *("realtime/log.py", "if since < self.floor:", "if False:"),
        "realtime/tests/test_api.py::test_what_was_pruned_is_said",
    ),
    guard(
        "delivery: what is published is looked at",
        "realtime/hub.py",
        "except (ValueError, KeyError, TypeError, RecursionError) as error:",
        "except InterruptedError as error:",
        f"{CONTROLS}::test_what_is_no_event_is_passed_over",
    ),
    guard(
        "delivery: an event has a size",
        *("realtime/events.py", "if len(text) * 4 > EVENT_LIMIT and len(text.encode()) > EVENT_LIMIT:", "if False:"),
        f"{POISON}::test_an_event_of_anything_is_read_back_as_it_was_sent",
    ),
    guard(
        "delivery: an event has a depth",
        *("realtime/events.py", "if depth >= DEPTH_LIMIT:", "if False:"),
        f"{POISON}::test_what_is_nested_deeply_is_cut",
    ),
    guard(
        "delivery: every reader can read the text",
        *("realtime/events.py", 'return UNSAFE.sub("\\ufffd", value)', "return value"),
        f"{POISON}::test_an_event_of_anything_is_read_back_as_it_was_sent",
    ),
    guard(
        "delivery: every reader can read the numbers",
        *("realtime/events.py", "return value if math.isfinite(value) else None", "return value"),
        f"{POISON}::test_an_event_of_anything_is_read_back_as_it_was_sent",
    ),
    guard(
        "delivery: a message has a length",
        "runs/models/tool_execution.py",
        "storable(message[:MESSAGE_LIMIT])",
        "storable(message)",
        f"{POISON}::test_a_tool_may_report_anything",
    ),
)  # fmt: skip
