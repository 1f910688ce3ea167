"""Access taken away while events flow: every way it can happen, on two processes, with Redis or
without.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Self

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken
from websockets.exceptions import ConnectionClosed

from conftest import PASSWORD, Tenant
from crews.models import Membership
from runs.models import Run, TaskExecution, ToolExecution
from tests.admin import url
from tests.live import Socket, Web

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_S = 2.0  # from the commit of the change to the last frame
RATE = 20  # events a second, meanwhile
BEFORE_S = 0.5  # of events, before the change
AFTER_S = 3.0  # of events, after it; those who stay receive them
MANY = 100  # sockets of one member, over all processes
STAYING = 8  # sockets of another one; more would make this program late itself
KINDS = ("runs", "graph", "graphs", "mission")

Change = Callable[[Tenant, Tenant, User], None]


def two_webs(**variables: str) -> Iterator[list[Web]]:
    webs = [Web(REALTIME_SWEEP_S="0.2", **variables) for _ in range(2)]
    yield webs
    for web in webs:
        assert web.running, web.log.read_text()
        web.stop()


@pytest.fixture(scope="module")
def with_redis(django_db_setup) -> Iterator[list[Web]]:
    yield from two_webs()


@pytest.fixture(scope="module")
def without_redis(django_db_setup, tmp_path_factory) -> Iterator[list[Web]]:
    yield from two_webs(REDIS_URL=f"unix://{tmp_path_factory.mktemp('redis')}/none.sock")


@pytest.fixture
def processes(request) -> list[Web]:
    return request.getfixturevalue(getattr(request, "param", "with_redis"))


class Reporter(threading.Thread):
    """Reports on a tool, which is an event of the graph, while its ``with`` block runs."""

    def __init__(self, run: Run) -> None:
        super().__init__(name="reporter", daemon=True)
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        self._tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._over.wait(1 / RATE):
                self._tool.report(message=f"t={time.time()}")
        finally:
            connection.close()


class Listener(threading.Thread):
    """Records the frames that a socket receives, and when, until it is closed or left."""

    def __init__(self, kind: str, socket: Socket) -> None:
        super().__init__(name=f"listener {kind}", daemon=True)
        self.kind = kind
        self.socket = socket
        self.frames: list[tuple[float, dict]] = []
        assert socket.frame()["type"] == "hello"
        self.start()

    def run(self) -> None:
        try:
            while True:
                frame = self.socket.frame()
                self.frames.append((time.time(), frame))
        except (ConnectionClosed, TimeoutError, OSError):
            self.ended = time.time()

    def events(self, since: float, crew: str) -> list[dict]:
        """Those of a crew that came later."""
        return [
            f for at, f in self.frames if at > since and "seq" in f and f.get("crew_id") == crew
        ]


def admin_of(superuser: User) -> Client:
    desk = Client()
    desk.force_login(superuser)
    return desk


def post(desk: Client, name: str, pk: int, form: dict[str, str]) -> None:
    assert desk.post(url(name, pk), form).status_code == 302


def in_sql(records: QuerySet, **values: object) -> None:
    """Change them without any signal or guard of ours."""
    QuerySet.update(records, **values)


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


# With the close code; ``None`` narrows a socket that follows whatever its user sees, and closes
# others 4403.
CHANGES: dict[str, tuple[Change, int | None]] = {
    "membership, in the admin": (
        lambda acme, globex, root: post(
            admin_of(root), "crews_membership_delete", membership(acme.viewer).pk, {"post": "yes"}
        ),
        4403,
    ),
    "membership, delete()": (lambda acme, globex, root: membership(acme.viewer).delete(), 4403),
    "membership, of a queryset": (
        lambda acme, globex, root: Membership.objects.filter(user=acme.viewer).delete(), 4403,
    ),
    "membership, in SQL": (
        lambda acme, globex, root: in_sql(
            Membership.objects.filter(user=acme.viewer), organization=globex.organization
        ),
        None,
    ),
    "deactivated, in the admin": (
        lambda acme, globex, root: post(
            admin_of(root), "auth_user_change", acme.viewer.pk,
            {
                "username": acme.viewer.username,
                "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
            },
        ),
        4401,
    ),
    "deactivated, update()": (
        lambda acme, globex, root: User.objects.filter(pk=acme.viewer.pk).update(is_active=False),
        4401,
    ),
    "deleted": (lambda acme, globex, root: User.objects.get(pk=acme.viewer.pk).delete(), 4401),
    "password, in the admin": (
        lambda acme, globex, root: post(
            admin_of(root), "auth_user_password_change", acme.viewer.pk,
            {"password1": PASSWORD + "!", "password2": PASSWORD + "!", "usable_password": "true"},
        ),
        4401,
    ),
    "password, update()": (
        lambda acme, globex, root: User.objects.filter(pk=acme.viewer.pk).update(password="!"),
        4401,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("processes", "change"),
    [
        *(("with_redis", change) for change in CHANGES),
        ("without_redis", "membership, delete()"),
        ("without_redis", "password, update()"),
    ],
    indirect=["processes"],
)
def test_sockets_close_or_narrow_in_time_and_hear_nothing_after(
    processes, acme, globex, superuser, change
):
    strike, code = CHANGES[change]
    run = acme.start_run()
    crew = str(acme.crew.pk)
    paths = dict(
        zip(
            KINDS,
            (f"/ws/runs/{run.pk}", f"/ws/graph/{crew}", "/ws/graph", "/ws/mission"),
            strict=True,
        )
    )
    tokens = {user: str(AccessToken.for_user(user)) for user in (acme.viewer, acme.operator)}
    with ExitStack() as stack:

        def listen(web: Web, kind: str, user: User) -> Listener:
            return Listener(kind, stack.enter_context(web.socket(paths[kind], token=tokens[user])))

        leaving = [listen(web, kind, acme.viewer) for web in processes for kind in KINDS]
        staying = [listen(web, "graph", acme.operator) for web in processes]
        with Reporter(run):
            time.sleep(BEFORE_S)
            strike(acme, globex, superuser)
            committed = time.time()
            Run.objects.get(pk=run.pk).cancel()  # an event of the run and of the mission
            time.sleep(AFTER_S)
        for listener in leaving:
            stays = code is None and listener.kind in ("graphs", "mission")
            assert listener.is_alive() == stays, listener.kind
            if stays:
                (gone,) = [at for at, f in listener.frames if f["type"] == "gone"]
                assert gone <= committed + WITHIN_S
                assert listener.events(gone, crew) == []
            else:
                assert listener.socket.code == (code or 4403), listener.kind
                assert listener.ended <= committed + WITHIN_S
            assert listener.events(committed + WITHIN_S, crew) == []
        for listener in staying:
            later = listener.events(committed + WITHIN_S, crew)
            assert len(later) > (AFTER_S - WITHIN_S) * RATE / 4  # so there were events to receive
        assert any(listener.events(0, crew) for listener in leaving)


def test_a_hundred_sockets_close_in_time_with_all_at_work(processes, acme):
    run = acme.start_run()
    paths = {"runs": f"/ws/runs/{run.pk}", "graph": f"/ws/graph/{acme.crew.pk}"}
    members = ((acme.viewer, MANY), (acme.operator, STAYING))
    with ExitStack() as stack:
        (leaving, staying) = (
            [
                Listener(kind, stack.enter_context(web.socket(paths[kind], token=token)))
                for web in processes
                for kind in paths
                for _ in range(many // len(processes) // len(paths))
            ]
            for token, many in ((str(AccessToken.for_user(user)), many) for user, many in members)
        )
        with Reporter(run):
            time.sleep(BEFORE_S)
            membership(acme.viewer).delete()
            committed = time.time()
            time.sleep(AFTER_S)
        assert {listener.socket.code for listener in leaving} == {4403}
        assert max(listener.ended for listener in leaving) <= committed + WITHIN_S
        assert all(listener.is_alive() for listener in staying)
        crew = str(acme.crew.pk)
        assert not any(listener.events(committed + WITHIN_S, crew) for listener in leaving)
        # Every one of them had and would have had something to hear.
        graphs = [listener for listener in staying if listener.kind == "graph"]
        assert all(listener.events(committed + WITHIN_S, crew) for listener in graphs)


def test_a_lowered_role_watches_on_and_acts_no_more(processes, acme, api):
    run = acme.start_run()
    client = api(acme.operator)
    with processes[0].socket(f"/ws/runs/{run.pk}", acme.operator) as socket:
        socket.until(type="boot")
        in_sql(Membership.objects.filter(user=acme.operator), role="viewer")
        assert client.post(f"/api/runs/{run.pk}/cancel/").status_code == 403
        time.sleep(WITHIN_S)
        in_sql(Membership.objects.filter(user=acme.operator), role="operator")
        assert client.post(f"/api/runs/{run.pk}/cancel/").status_code == 202
        run.refresh_from_db()
        run.finish("cancelled", reason="cancelled")
        assert socket.until(type="done")


def test_a_superuser_no_more_keeps_what_memberships_give(processes, acme, globex, superuser):
    Membership.objects.create(user=superuser, organization=acme.organization)
    with (
        processes[0].socket(f"/ws/graph/{globex.crew.pk}", superuser) as foreign,
        processes[1].socket(f"/ws/graph/{acme.crew.pk}", superuser) as own,
    ):
        assert foreign.frame()["type"] == own.frame()["type"] == "hello"
        User.objects.filter(pk=superuser.pk).update(is_superuser=False)
        begun = time.monotonic()
        foreign.rest()
        assert (foreign.code, time.monotonic() - begun < WITHIN_S) == (4403, True)
        run = acme.start_run()
        Reporter(run)  # starts a tool
        assert own.until(type="tool_start")
