"""Whatever people, workers, programs and servers do: one decision, one answer, one end.

``STEERING_EXAMPLES``: the number of stories of each kind (default 6).
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from runs.tests.steering.of_program import OfProgram
from runs.tests.steering.of_worker import OfWorker, WithHelpers

EXAMPLES = settings(
    max_examples=int(os.environ.get("STEERING_EXAMPLES", "6")),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [OfWorker, WithHelpers, OfProgram])
def test_no_second_decision_no_call_without_approval_and_no_run_stuck(kind):
    run_state_machine_as_test(kind, settings=EXAMPLES)
