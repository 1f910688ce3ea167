"""The run page and the crew page at a moment of the past show what they showed live."""

import pytest

from realtime.tests.replay import stories
from tests.moments import Moments
from tests.test_browser_crew import signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


# Together 200 moments: with approvals and pauses, of a failed run, of parallel tasks, of nested
# agents with model calls and handoffs.
@pytest.mark.parametrize(
    ("story", "seed"),
    [
        (stories.of_worker, 5),
        (stories.of_worker, 0),
        (stories.of_parallel, 1),
        (stories.of_program, 5),
    ],
)
def test_each_moment_is_shown_as_it_was_live(signed_in, acme, worker_alive, story, seed):
    run, steps = story(acme, seed)
    moments = Moments(run, signed_in, signed_in.context.new_page())
    moments.open()
    moments.follow(steps)
    assert len(moments.seen) > 25
    moments.look_back()
