"""Every route, method and socket, asked with each kind of API key: the answers are those of the
matrix.
"""

import pytest
from rest_framework.test import APIClient

from realtime.tests.sockets.event_source import reading
from tests.access_matrix import EVENT_STREAMS_OF_KEYS, HTTP_OF_KEYS, KEYS, SOCKETS_OF_KEYS
from tests.live import Web
from tests.test_access import MATRIX, World, answer, rows, socket_path

OF_KEYS = rows(HTTP_OF_KEYS, keys=2, people=KEYS)
API = {key for key in MATRIX if key[0].startswith(("api/", "v1/"))}


@pytest.fixture
def world(acme, worker_alive) -> World:
    return World(acme)


@pytest.fixture
def text_of(acme, globex) -> dict[str, str]:
    """The texts of the keys."""
    texts = {scope: acme.issue_key(scope)[1] for scope in ("report", "watch", "operate")}
    texts["foreign"] = globex.issue_key("report", "watch", "operate")[1]
    key, texts["revoked"] = acme.issue_key("report", "watch", "operate")
    key.revoke()
    return texts


def client_of(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def test_every_route_of_the_api_is_in_the_matrix_and_nothing_else():
    assert OF_KEYS.keys() == API


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(("route", "method"), OF_KEYS, ids=lambda value: value)
def test_the_answer_to_a_key_is_that_of_the_matrix(world, text_of, route, method, kind):
    response = client_of(text_of[kind]).generic(method, world.path(route))
    assert answer(response) == OF_KEYS[route, method][kind], response.content
    told = [name for name in world.names if name in response.content.decode()]
    if kind in ("foreign", "revoked"):
        assert told == []


@pytest.mark.parametrize("kind", ["watch", "operate"])
def test_pages_take_no_keys(world, text_of, kind):
    for (route, method), answers in MATRIX.items():
        if not route.startswith(("api/", "v1/")):
            response = client_of(text_of[kind]).generic(method, world.path(route))
            assert answer(response) == answers["anonymous"], (route, method)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KEYS)
def test_sockets_answer_a_key_as_the_matrix_says(web: Web, world, text_of, kind):
    for (route, _), answers in rows(SOCKETS_OF_KEYS, keys=1, people=KEYS).items():
        with web.socket(socket_path(world, route), token=text_of[kind]) as socket:
            if answers[kind] == "open":
                assert socket.frame()["type"] == "hello", route
            else:
                assert socket.close_code() == int(answers[kind]), route
    for (route, _), answers in rows(EVENT_STREAMS_OF_KEYS, keys=1, people=KEYS).items():
        with reading(web, socket_path(world, route), token=text_of[kind]) as reader:
            assert reader.response.status_code == int(answers[kind]), route
