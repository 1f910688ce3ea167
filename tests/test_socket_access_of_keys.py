"""Every socket and event stream, asked for with each kind of API key."""

import pytest

from realtime.tests.sockets.event_source import reading
from tests.access_matrix import EVENT_STREAMS_OF_KEYS, KEYS, SOCKETS_OF_KEYS
from tests.live import Web
from tests.test_access import World, rows, socket_path
from tests.test_access_of_keys import texts_of_keys


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KEYS)
def test_sockets_answer_a_key_as_the_matrix_says(web: Web, acme, globex, worker_alive, kind):
    world, text = World(acme), texts_of_keys(acme, globex)[kind]
    for (route, _), answers in rows(SOCKETS_OF_KEYS, keys=1, people=KEYS).items():
        with web.socket(socket_path(world, route), token=text) as socket:
            if answers[kind] == "open":
                assert socket.frame()["type"] == "hello", route
            else:
                assert socket.close_code() == int(answers[kind]), route
    for (route, _), answers in rows(EVENT_STREAMS_OF_KEYS, keys=1, people=KEYS).items():
        with reading(web, socket_path(world, route), token=text) as reader:
            assert reader.response.status_code == int(answers[kind]), route
