"""Every route and method, asked by everybody: the answers are those of the matrix.

The records are made once for all tests here, in a transaction that is never committed. For the
sockets see `test_socket_access`.
"""

import re
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from conftest import PASSWORD, Tenant, make_tenant
from realtime.sockets.routing import http_urlpatterns, websocket_urlpatterns
from runs.models import (
    Approval,
    CallText,
    Control,
    ModelCall,
    Run,
    TaskExecution,
    ToolExecution,
)
from runs.schedules.models import Schedule
from runs.search.tests.scene import end_tool, index
from tests.access_matrix import EVENT_STREAMS, HTTP, PEOPLE, SHARED, SOCKETS
from tests.shared_records import shared_records

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ADMIN = "admin/"  # Has a test of its own below, and the admin's own tests.
# Routes of `NotFoundView`, with the rest of an address for those that match any path.
NOWHERE = dict.fromkeys(("api/", "v1/", "sse/", "agui/"), "nowhere/") | dict.fromkeys(
    ("v1/metrics", "v1/logs"), ""
)
# What differs between two answers to the same request.
RANDOM = re.compile(r'nonce="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"|csrftoken="[^"]*"')


def rows(
    table: str, keys: int, people: tuple[str, ...] = PEOPLE
) -> dict[tuple[str, ...], dict[str, str]]:
    """``{(route, method): {person: answer}}``; a row without a route is of the empty one."""
    matrix = {}
    for line in table.strip().splitlines()[1:]:
        cells = line.split()
        if not cells:
            continue
        key, answers = cells[: -len(people)], cells[-len(people) :]
        key = [""] * (keys - len(key)) + key
        for method in key.pop().split(",") if keys == 2 else [""]:
            matrix[*key, method] = dict(zip(people, answers, strict=True))
    return matrix


MATRIX = rows(HTTP, keys=2)


def routes(patterns: list, prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        elif isinstance(pattern, URLResolver) and route != ADMIN:
            yield from routes(pattern.url_patterns, route)


ROUTES = list(routes(get_resolver().url_patterns))


class World:
    """One organization's records, and addresses of them."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.run = tenant.start_run()
        task = TaskExecution.objects.start(run=self.run, task=self.run.plan["tasks"][0])
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        tool.report(output="a secret of theirs")
        call = {"agent_id": "orion", "provider": "openai", "model": "a model of theirs"}
        call = ModelCall.objects.start(run=self.run, id=uuid.uuid4(), at=timezone.now(), **call)
        for part in CallText.Part.values:
            call.keep(part, "a text of theirs")
        Control.objects.ask(self.run, "message", text="a text of theirs", by="somebody")
        rule = tenant.crew.approval_rules.create(organization=tenant.organization, tool="script")
        Schedule.objects.create(crew=tenant.crew, expression="@daily")
        approval = Approval.objects.request(
            id=uuid.uuid4(), run=self.run, agent_id="orion", tool="a tool of theirs", params={},
            expires_after_s=3600,
        )  # fmt: skip
        end_tool(tenant, "a text of theirs", params={"code": "a secret of theirs"})
        index()
        self.ids = {"crews": tenant.crew.pk, "runs": self.run.pk}
        self.ids |= {"tools": tool.pk, "tool-executions": tool.pk, "calls": call.pk}
        secret = tenant.keep_secret()
        key = tenant.issue_key("watch", name="a key of theirs")[0]
        self.ids |= {"secrets": secret.name, "api-keys": key.pk}
        delivery = tenant.notify()
        self.ids |= {"deliveries": delivery.pk, "notifications": delivery.target_id}
        self.ids |= {"connect": tenant.issue_key("watch")[0].pk}
        self.ids |= {"approvals": approval.pk, "approval-rules": rule.pk}
        self.names = [*map(str, self.ids.values()), tenant.crew.name, tenant.operator.username]
        self.names += [
            "a secret of theirs",
            "a key of theirs",
            "a model of theirs",
            "a tool of theirs",
        ]
        self.names += ["a text of theirs"]
        self.names.append(delivery.target.name)
        self.ids |= {"organizations": tenant.organization.slug}

    def path(self, route: str, *, ids: dict | None = None) -> str:
        """The address of our own record, or of the one with other ``ids``."""
        ids = ids or self.ids
        path = re.sub(r"([\w-]+)/<(?:id|slug):\w+>", lambda m: f"{m[1]}/{ids[m[1]]}", route)
        assert "<" not in path, f"{route}: say here which record it takes"
        return f"/{path}{NOWHERE.get(route, '')}"


@dataclass
class Person:
    """Somebody who asks, or nobody: without a user."""

    user: User | None = None
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def __post_init__(self) -> None:
        if self.user:
            client = Client()
            client.force_login(self.user)
            self.cookies = client.cookies


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker) -> Iterator[tuple[World, dict[str, Person]]]:
    """The world, and the people who ask for it, who have signed in."""
    with shared_records(django_db_blocker):
        acme, outsider = make_tenant("acme"), make_tenant("globex").admin
        users: dict[str, User | None] = {role: getattr(acme, role) for role in PEOPLE[:3]}
        users |= {"outsider": outsider, "anonymous": None}
        users["superuser"] = User.objects.create_superuser("root", password=PASSWORD)
        users["homeless"] = User.objects.create_user("homeless", password=PASSWORD)
        yield World(acme), {person: Person(user) for person, user in users.items()}


@pytest.fixture
def asked(made, worker_alive) -> tuple[World, dict[str, Person]]:
    """What was made, as it was made, for one test."""
    return deepcopy(made)


@pytest.fixture
def world(asked) -> World:
    return asked[0]


@pytest.fixture
def acme(world) -> Tenant:
    return world.tenant


@pytest.fixture
def client_of(asked):
    """A browser's client for pages and a program's for the API, of one of the people."""
    people = asked[1]

    def make(name: str, route: str) -> Client:
        person = people[name]
        if not route.startswith("api/"):
            client = Client()
            client.cookies = deepcopy(person.cookies)
            return client
        client = APIClient()
        if person.user:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(person.user)}")
        return client

    return make


def socket_path(world: World, route: str) -> str:
    """The address of a socket on our own record."""
    path = re.sub(r"\(\?P<(\w+)_id>[^)]*\)", lambda m: str(world.ids[f"{m[1]}s"]), route)
    return "/" + path.strip("^$").replace("/?", "") if route else "/ws/nowhere"


def answer(response) -> str:
    if response.status_code == 302 and response.headers["Location"].startswith("/login/"):
        return "login"
    return str(response.status_code)


def test_every_route_and_every_socket_is_in_the_matrix_and_nothing_else():
    sockets, event_streams = (
        [str(pattern.pattern) for pattern in patterns]
        for patterns in (websocket_urlpatterns, http_urlpatterns)
    )
    for served, listed in (
        (ROUTES, MATRIX),
        (sockets, rows(SOCKETS, keys=1)),
        (event_streams, rows(EVENT_STREAMS, keys=1)),
    ):
        in_matrix = {route for route, _ in listed}
        missing = sorted({*served} - in_matrix)
        assert not missing, f"{missing}: add rows to tests/access_matrix.py"
        gone = sorted(in_matrix - {*served})
        assert not gone, f"{gone}: remove their rows from tests/access_matrix.py"
    assert len(ROUTES) == len(set(ROUTES))


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(("route", "method"), MATRIX, ids=lambda value: value or "/")
def test_the_answer_is_that_of_the_matrix(world, client_of, route, method, person):
    response = client_of(person, route).generic(method, world.path(route))
    assert answer(response) == MATRIX[route, method][person]
    found = [name for name in world.names if name in response.content.decode()]
    if person in ("outsider", "homeless", "anonymous"):
        assert found == []
    elif "<" in route and response.content and answer(response).startswith("2"):
        assert found  # so the names are those that would give a leak away


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route or "/")
def test_methods_that_are_in_no_row_are_refused(world, client_of, route, person):
    client, path = client_of(person, route), world.path(route)
    for method in METHODS:
        if (route, method) in MATRIX:
            continue
        response = client.generic(method, path)
        if method == "HEAD" and (route, "GET") in MATRIX:
            assert answer(response) == MATRIX[route, "GET"][person]
        elif method == "OPTIONS" and response.status_code == 200:
            assert not response.content
        else:
            assert answer(response) in ("401", "403", "404", "405", "login"), method
            assert answer(response) == "405" or person == "anonymous" or route in NOWHERE, method


@pytest.mark.parametrize("person", ["outsider", "homeless", "anonymous"])
@pytest.mark.parametrize(
    ("route", "method"), [key for key in MATRIX if "<" in key[0]], ids=lambda value: value
)
def test_another_organizations_object_answers_like_a_missing_one(
    world, client_of, route, method, person
):
    missing = {kind: uuid.uuid4() for kind in world.ids}
    client = client_of(person, route)
    seen = []
    for ids in (world.ids, missing):
        response = client.generic(method, world.path(route, ids=ids))
        text = RANDOM.sub("", response.content.decode())
        of_each = {"Content-Security-Policy", "Expires"}  # a nonce, the time of the answer
        headers = {k: v for k, v in response.headers.items() if k not in of_each}
        for kind, pk in ids.items():
            text = text.replace(str(pk), kind)
            headers = {name: value.replace(str(pk), kind) for name, value in headers.items()}
        seen.append((response.status_code, headers, text))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("person", ["outsider", "homeless", "anonymous"])
def test_a_shared_run_opens_its_page_and_nothing_else(world, client_of, person):
    world.run.share(True)
    # Signs out last, because who has signed out is nobody afterwards.
    for (route, method), answers in sorted(MATRIX.items(), key=lambda row: row[0][0] == "logout/"):
        response = client_of(person, route).generic(method, world.path(route))
        expected = "200" if route in SHARED and method == "GET" else answers[person]
        assert answer(response) == expected, (route, method)


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
def test_who_may_enter_the_admin_gets_no_other_answer_elsewhere(world, client_of, person):
    """The control is a superuser, whose answers in the matrix are others."""
    for (route, method), answers in MATRIX.items():
        client = client_of(person, route)
        User.objects.update(is_staff=True)
        path = world.path(route)
        if method not in ("GET", "POST") or route.startswith(("login/", "logout/")):
            continue
        assert answer(client.generic(method, path)) == answers[person], (route, method)


@pytest.mark.parametrize("route", [route for route, method in MATRIX if method == "POST"])
def test_a_form_of_another_site_changes_nothing(world, acme, route):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(acme.admin)
    runs = Run.objects.count()
    response = client.generic("POST", world.path(route))
    # Signing in takes no notice of who is signed in, and its answer is for the sender's eyes only.
    assert response.status_code == (400 if route.startswith("api/token/") else 403)
    world.run.refresh_from_db()
    assert (Run.objects.count(), world.run.cancel_requested, world.run.is_public) == (
        runs, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("person", ["admin", "viewer", "outsider", "anonymous"])
def test_the_admin_is_for_staff(client_of, person):
    client = client_of(person, ADMIN)
    admin = next(p for p in get_resolver().url_patterns if str(p.pattern) == ADMIN)
    paths = [re.sub(r"<[^>]*>|\(.*", "1", route) for route in routes(admin.url_patterns)]
    assert len(paths) > 20
    elsewhere = {"login/": "/login/?next=/admin/", "logout/": "/admin/"}
    for path in paths:
        response = client.get(f"/admin/{path}")
        if path == "login/" and person != "anonymous":
            assert response.status_code == 403
        else:
            assert response.status_code == 302, path
            start = elsewhere.get(path, "/admin/login/")
            assert response.headers["Location"].startswith(start), path
