"""Whatever happens between log and sockets, every socket receives the whole list."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from realtime.tests.delivery.machine import EXAMPLES, Delivery, OnlyAnnouncements
from realtime.tests.delivery.parts import Packed
from realtime.tests.delivery.wires import OverEventStream, OverLive

# The rules are the same, so fewer stories are enough to see that a wire keeps them.
OF_OTHER_WIRES = settings(EXAMPLES, max_examples=15)


class OverMessagePack(Delivery):
    """Sockets that have negotiated MessagePack."""

    client = Packed


@pytest.mark.django_db(transaction=True)
def test_every_socket_sees_the_list():
    run_state_machine_as_test(Delivery, settings=EXAMPLES)


@pytest.mark.django_db(transaction=True)
def test_every_reader_of_an_event_stream_sees_the_list():
    run_state_machine_as_test(OverEventStream, settings=OF_OTHER_WIRES)


@pytest.mark.django_db(transaction=True)
def test_every_live_socket_sees_the_list():
    run_state_machine_as_test(OverLive, settings=OF_OTHER_WIRES)


@pytest.mark.django_db(transaction=True)
def test_every_socket_that_speaks_message_pack_sees_the_list():
    run_state_machine_as_test(OverMessagePack, settings=OF_OTHER_WIRES)


@pytest.mark.django_db(transaction=True)
def test_without_a_fault_no_sweep_is_needed():
    run_state_machine_as_test(OnlyAnnouncements, settings=EXAMPLES)
