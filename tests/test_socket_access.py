"""Every socket and event stream, asked for by everybody: the answers are those of the matrix."""

import pytest
from django.contrib.auth.models import User

from realtime.tests.sockets.event_source import reading
from tests.access_matrix import EVENT_STREAMS, PEOPLE, SHARED_SOCKETS, SOCKETS
from tests.live import Web
from tests.test_access import World, rows, socket_path


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(
    ("shared", "staff"),
    [(False, False), (True, False), (False, True)],
    ids=["private", "shared", "staff"],
)
def test_sockets_answer_as_the_matrix_says(
    web: Web, acme, globex, superuser, worker_alive, person, shared, staff
):
    world = World(acme)
    world.run.share(shared)
    user = {
        "outsider": globex.admin,
        "superuser": superuser,
        "homeless": User.objects.create_user("homeless"),
        "anonymous": None,
    }.get(person) or getattr(acme, person, None)
    if staff:
        User.objects.update(is_staff=True)
    for (route, _), answers in rows(SOCKETS, keys=1).items():
        expected = "open" if shared and route in SHARED_SOCKETS else answers[person]
        with web.socket(socket_path(world, route), user) as socket:
            if expected == "open":
                assert socket.frame()["type"] == "hello", route
            else:
                assert socket.close_code() == int(expected), route
    for (route, _), answers in rows(EVENT_STREAMS, keys=1).items():
        expected = 200 if shared and route in SHARED_SOCKETS else int(answers[person])
        with reading(web, socket_path(world, route), user) as reader:
            assert reader.response.status_code == expected, route
