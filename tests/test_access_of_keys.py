"""Every route and method, asked with each kind of API key: the answers are those of the matrix.

The records are made once for all tests here. For the sockets see `test_socket_access_of_keys`.
"""

from collections.abc import Iterator
from copy import deepcopy

import pytest
from rest_framework.test import APIClient

from conftest import Tenant, make_tenant
from runs.models import Worker
from tests.access_matrix import HTTP_OF_KEYS, KEYS
from tests.shared_records import shared_records
from tests.test_access import MATRIX, World, answer, rows

OF_KEYS = rows(HTTP_OF_KEYS, keys=2, people=KEYS)
API = {key for key in MATRIX if key[0].startswith(("api/", "v1/"))}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker) -> Iterator[tuple[World, dict[str, str]]]:
    """The world, and the texts of the keys, in a transaction that is never committed."""
    with shared_records(django_db_blocker):
        acme, globex = make_tenant("acme"), make_tenant("globex")
        Worker.objects.beat("w", tier="namespaces")
        yield World(acme), texts_of_keys(acme, globex)


@pytest.fixture
def world(made, worker_alive) -> World:
    return deepcopy(made[0])


@pytest.fixture
def text_of(made) -> dict[str, str]:
    return made[1]


def texts_of_keys(acme: Tenant, globex: Tenant) -> dict[str, str]:
    """The texts of a key of each kind."""
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
    missing = sorted(API - OF_KEYS.keys())
    assert not missing, f"{missing}: add rows to HTTP_OF_KEYS in tests/access_matrix.py"
    assert OF_KEYS.keys() == API


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(("route", "method"), OF_KEYS, ids=lambda value: value)
def test_the_answer_to_a_key_is_that_of_the_matrix(world, text_of, route, method, kind):
    response = client_of(text_of[kind]).generic(method, world.path(route))
    assert answer(response) == OF_KEYS[route, method][kind], response.content
    found = [name for name in world.names if name in response.content.decode()]
    if kind in ("foreign", "revoked"):
        assert found == []


@pytest.mark.parametrize("kind", ["watch", "operate"])
def test_pages_take_no_keys(world, text_of, kind):
    for (route, method), answers in MATRIX.items():
        if not route.startswith(("api/", "v1/")):
            response = client_of(text_of[kind]).generic(method, world.path(route))
            assert answer(response) == answers["anonymous"], (route, method)
