"""Every stream, asked for by everybody in each way there is: alone on a socket, with ``subscribe``
on ``/ws/live``, and over HTTP. The outcome is the same each time.
"""

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant
from crews.models import Membership
from realtime.sockets.routing import http_urlpatterns, websocket_urlpatterns
from realtime.sockets.subscriptions import ALL, EXCLUSIVE, ONE
from realtime.tests.sockets.event_source import reading
from runs.models import Run
from tests.access_matrix import KEYS, PEOPLE
from tests.live import UNTIL_S, Socket, Web
from tests.test_access import rows

EVERYBODY = (*PEOPLE, "inactive", *KEYS)

# ``open``, or the code of the ``close``. ``live`` is the socket ``/ws/live`` itself: whoever is
# refused there can subscribe to nothing.
OUTCOMES = """
stream       admin operator viewer outsider homeless anonymous superuser inactive report watch operate foreign revoked

live         open  open     open   open     open     4401      open      4401     open   open  4403    open    4401
run          open  open     open   4404     4404     4401      open      4401     4403   open  4403    4404    4401
reported     open  open     open   4404     4404     4401      open      4401     open   open  4403    4404    4401
shared       open  open     open   open     open     open      open      4401     open   open  open    open    4401
graph        open  open     open   4404     4404     4401      open      4401     4403   open  4403    4404    4401
graphs       open  open     open   open     open     4401      open      4401     4403   open  4403    open    4401
mission      open  open     open   4404     4404     4401      open      4401     4403   open  4403    4404    4401
missions     open  open     open   open     open     4401      open      4401     4403   open  4403    open    4401
metrics      open  4403     4403   open     4403     4401      open      4401     4403   4403  4403    4403    4401
metrics_of   open  4403     4403   4404     4403     4401      open      4401     4403   4403  4403    4403    4401
no_stream    4404  4404     4404   4404     4404     4401      4404      4401     4404   4404  4403    4404    4401
"""  # fmt: skip
STATUSES = {"open": 200, "4401": 401, "4403": 403, "4404": 404}  # of the same outcome over HTTP
RUN_ROUTES = ("ws-run", "sse-run", "agui-run")


class Way(NamedTuple):
    """How a stream is asked for: by its name on ``/ws/live``, and by the names of its routes."""

    live: str | None
    routes: tuple[str, ...] = ()


WAYS = {
    "live": Way(None, ("ws-live",)),
    "run": Way("run:{run}", RUN_ROUTES),
    "reported": Way("run:{reported}", RUN_ROUTES),
    "shared": Way("run:{shared}", RUN_ROUTES),
    "graph": Way("graph:{crew}", ("ws-graph", "sse-graph")),
    "graphs": Way("graph", ("ws-graphs",)),
    "mission": Way("mission:{crew}"),
    "missions": Way("mission", ("ws-mission", "sse-mission")),
    "metrics": Way("metrics", ("ws-metrics",)),
    "metrics_of": Way("metrics:{organization}"),
    "no_stream": Way("metrics:"),
}
MATRIX = {stream: answers for (stream, _), answers in rows(OUTCOMES, 1, EVERYBODY).items()}
ROUTES = {
    pattern.name: str(pattern.pattern)
    for pattern in (*websocket_urlpatterns, *http_urlpatterns)
    if pattern.name
}
THEIRS = ("outsider", "foreign")  # of the other organization


class World(NamedTuple):
    """The records that the streams are of, and what everybody presents: a token or a key."""

    ids: dict[str, str]
    tokens: dict[str, str | None]
    crews: dict[str, set[str]]  # that each may watch

    def name(self, way: Way) -> str:
        return (way.live or "").format(**self.ids)

    def path(self, stream: str, route: str) -> str:
        id = self.name(WAYS[stream]).partition(":")[2]
        path = re.sub(r"\(\?P<\w+>[^)]*\)", id, ROUTES[route])
        return "/" + path.strip("^$").replace("/?", "")


@pytest.fixture
def world(acme: Tenant, globex: Tenant, superuser: User) -> World:
    inactive = User.objects.create_user("inactive")
    Membership.objects.create(user=inactive, organization=acme.organization, role="admin")
    users = {role: getattr(acme, role) for role in PEOPLE[:3]} | {"inactive": inactive}
    users |= {"outsider": globex.admin, "superuser": superuser}
    users["homeless"] = User.objects.create_user("homeless")
    tokens: dict[str, str | None] = {n: str(AccessToken.for_user(u)) for n, u in users.items()}
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    issued = {scope: acme.issue_key(scope) for scope in ("report", "watch", "operate")}
    issued |= {"foreign": globex.issue_key("report", "watch", "operate")}
    issued |= {"revoked": acme.issue_key("report", "watch", "operate")}
    issued["revoked"][0].revoke()
    tokens |= {kind: text for kind, (_, text) in issued.items()} | {"anonymous": None}
    run, shared = acme.start_run(), acme.start_run()
    shared.share(True)
    of_key = {"origin": Run.Origin.REPORTED, "api_key": issued["report"][0]}
    reported = Run.objects.create(crew=acme.crew, **of_key)
    ids = {"run": run.pk, "shared": shared.pk, "reported": reported.pk, "crew": acme.crew.pk}
    ids["organization"] = acme.organization.slug
    ours, theirs = {str(acme.crew.pk)}, {str(globex.crew.pk)}
    crews = dict.fromkeys(EVERYBODY, ours) | dict.fromkeys(THEIRS, theirs)
    crews |= {"superuser": ours | theirs, "homeless": set()}
    return World({name: str(pk) for name, pk in ids.items()}, tokens, crews)


def test_every_stream_and_every_route_is_in_the_table_and_nothing_else():
    assert MATRIX.keys() == WAYS.keys()
    assert {route for way in WAYS.values() for route in way.routes} == ROUTES.keys()
    kinds = {way.live.partition("{")[0] for way in WAYS.values() if way.live}
    assert kinds == {*ALL, *(f"{kind}:" for kind in ONE)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("person", EVERYBODY)
def test_a_stream_has_the_same_outcome_on_its_own_on_the_live_socket_and_over_http(
    web: Web, world: World, person
):
    token = world.tokens[person]
    for stream, route in [(s, route) for s, way in WAYS.items() for route in way.routes]:
        path, expected = world.path(stream, route), MATRIX[stream][person]
        if not route.startswith("ws-"):
            with reading(web, path, token=token) as reader:
                assert reader.response.status_code == STATUSES[expected], path
        elif expected == "open":
            with web.socket(path, token=token) as socket:
                assert socket.frame()["type"] == "hello", path
        else:
            with web.socket(path, token=token) as socket:
                assert socket.close_code() == int(expected), path
    if MATRIX["live"][person] == "open":
        with web.socket("/ws/live", token=token) as live:
            assert live.frame()["stream"] is None
            subscribed_to_everything(live, world, person)


def subscribed_to_everything(live: Socket, world: World, person: str) -> None:
    """Ask for the single streams, then for those of all crews, which would contain them."""
    of_all = {stream: way for stream, way in WAYS.items() if way.live in ALL}
    single = {stream: way for stream, way in WAYS.items() if way.live and stream not in of_all}
    for ways in (single, of_all):
        expected = dict(expected_answers(ways, world, person))
        asked = [{"stream": world.name(way)} for way in ways.values()]
        live.send({"type": "subscribe", "streams": asked})
        assert answers(live, expected.keys()) == expected
        opened = [world.name(w) for stream, w in ways.items() if MATRIX[stream][person] == "open"]
        live.send({"type": "unsubscribe", "streams": opened})
        for name in opened:
            meanwhile = live.until(type="unsubscribed", stream=name)
            assert [frame for frame in meanwhile if frame["type"] == "hello"] == []


def expected_answers(ways: dict[str, Way], world: World, person: str) -> Iterator[tuple[str, Any]]:
    """The stream that each answer names, with the outcome."""
    for stream, way in ways.items():
        outcome, crews = MATRIX[stream][person], world.crews[person]
        names = [world.name(way)]
        if way.live in EXCLUSIVE and outcome == "open" and crews:
            names = [f"{way.live}:{crew}" for crew in crews]
        for name in names:
            yield name, outcome


def answers(live: Socket, names: Any) -> dict[str, str]:
    """The outcome of each stream that the server answers, until all of these have an answer."""
    found: dict[str, str] = {}
    deadline = time.monotonic() + UNTIL_S
    while not names <= found.keys() and time.monotonic() < deadline:
        frame = live.frame()
        if frame["type"] in ("hello", "close"):
            found[frame["stream"]] = str(frame.get("code", "open"))
        elif frame["type"] != "ping":  # nothing of a stream that was refused
            assert found[frame["stream"]] == "open"
    return found
