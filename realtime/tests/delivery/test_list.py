"""Whatever happens between the log and the sockets, every socket sees the list."""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from realtime.tests.delivery.machine import EXAMPLES, Delivery, OnlyDoorbells


@pytest.mark.django_db(transaction=True)
def test_every_socket_sees_the_list():
    run_state_machine_as_test(Delivery, settings=EXAMPLES)


@pytest.mark.django_db(transaction=True)
def test_without_a_fault_no_sweep_is_needed():
    run_state_machine_as_test(OnlyDoorbells, settings=EXAMPLES)
