"""What another organization owns might as well not be there: in filters, lists and socket timing.

That every route and socket answers alike is tested in `tests.test_access`.
"""

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Iterator
from itertools import cycle

import pytest
from django.urls import URLPattern, get_resolver
from django_filters import ModelChoiceFilter, ModelMultipleChoiceFilter
from rest_framework import serializers
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant
from crews.models import Crew
from runs.models import Run, Worker
from tests.live import Web
from tests.security.wire import exchange, handshake
from tests.test_access import RANDOM

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = uuid.UUID(int=4 << 76 | 8 << 60)
TRIES = int(os.environ.get("TIMING_TRIES", "250"))  # of each kind of id; `make fuzz`: 1,000
MEDIANS_S = 0.002  # apart at most
MORE_ROUNDS = 4  # of as many tries, where the first ones are further apart
OF_EACH = (b"date:", b"x-request-id:")  # headers that no two answers share
FILTERED = {"RunListView": "/api/runs/", "ApprovalListView": "/api/approvals/"}
LISTS = ("/api/crews/", "/api/runs/", "/runs/", "/", "/api/runs/?page_size=1", "/runs/?after=x")


def api_views() -> Iterator[type]:
    resolvers = [get_resolver()]
    while resolvers:
        for pattern in resolvers.pop().url_patterns:
            if not isinstance(pattern, URLPattern):
                resolvers.append(pattern)
            elif hasattr(pattern.callback, "cls"):
                yield pattern.callback.cls


def relations(serializer: serializers.BaseSerializer) -> Iterator[str]:
    """The relations that a request may write, of the serializer and of those within it."""
    for name, field in getattr(serializer, "fields", {}).items():
        if isinstance(field, serializers.RelatedField | serializers.ManyRelatedField):
            if not field.read_only:
                yield name
        elif isinstance(field, serializers.BaseSerializer) and not field.read_only:
            yield from relations(getattr(field, "child", field))


@pytest.fixture
def client_of():
    def make(user, page: str = "/api/") -> APIClient:
        client = APIClient()
        if page.startswith("/api/"):
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
        else:
            client.force_login(user)
        return client

    return make


def test_nothing_that_is_sent_to_the_api_names_a_record():
    views = [view for view in api_views() if getattr(view, "serializer_class", None)]
    assert len(views) > 5
    own = {"ApprovalRuleListView": ["crew"], "ApprovalRuleView": ["crew"]}  # by slug, see below
    assert {view.__name__: [*relations(view.serializer_class())] for view in views} == {
        view.__name__: own.get(view.__name__, []) for view in views
    }

    class Careless(serializers.ModelSerializer):
        class Meta:
            model = Run
            fields = ("crew", "is_public")

    assert [*relations(Careless())] == ["crew"]


def test_a_foreign_crew_in_an_approval_rule_is_refused_like_a_missing_one(acme, globex, client_of):
    Crew.objects.create(organization=globex.organization, name="Theirs", slug="theirs")
    client, rules = client_of(acme.admin), "/api/organizations/acme/approval-rules/"
    own, foreign, missing = (
        client.post(rules, {"tool": "script", "crew": slug}, format="json")
        for slug in (acme.crew.slug, "theirs", "nobody")
    )
    assert own.status_code == 201
    assert foreign.status_code == missing.status_code == 400
    assert foreign.content.replace(b"theirs", b"nobody") == missing.content


def test_every_filter_that_names_a_record_refuses_a_foreign_one_like_a_missing_one(
    acme, globex, client_of
):
    asked = set()
    for view in api_views():
        for name, chosen in getattr(
            getattr(view, "filterset_class", None), "base_filters", {}
        ).items():
            if not isinstance(chosen, ModelChoiceFilter | ModelMultipleChoiceFilter):
                continue
            asked.add(f"{view.__name__}.{name}")
            assert name == "crew"
            own, foreign, missing = (
                client_of(acme.viewer).get(FILTERED[view.__name__], {name: str(pk)})
                for pk in (acme.crew.pk, globex.crew.pk, MISSING)
            )
            assert own.status_code == 200
            assert foreign.status_code == 400
            assert (foreign.content, foreign.headers) == (missing.content, missing.headers)
    assert asked == {f"{view}.crew" for view in FILTERED}


def test_a_filter_of_a_page_does_the_same(acme, globex, client_of):
    globex.start_run()
    client = client_of(acme.viewer, "/runs/")
    pages = []
    for pk in (globex.crew.pk, MISSING):
        page = client.get("/runs/", {"crew": str(pk)})
        text = page.content.decode().replace(str(pk), "")
        pages.append((page.status_code, RANDOM.sub("", text)))
    assert pages[0] == pages[1]
    run = acme.start_run()
    assert str(run.pk) in client.get("/runs/", {"crew": str(acme.crew.pk)}).content.decode()


@pytest.mark.parametrize("path", LISTS)
def test_what_others_have_changes_no_list_no_page_and_no_count(acme, globex, client_of, path):
    acme.start_run().finish("cancelled")  # so its duration stands still
    client = client_of(acme.viewer, path)

    def look() -> tuple:
        Worker.objects.beat("w")  # else the page says after 20 s that no worker is running
        page = client.get(path)
        return page.status_code, RANDOM.sub("", page.content.decode())

    before = look()
    for number in range(60):  # more than a page
        Run.objects.create(crew=globex.crew, started_by=globex.operator)
        Crew.objects.create(organization=globex.organization, name=f"A{number}", slug=f"a{number}")
    assert _steady(look()) == _steady(before)
    if "page_size" not in path:
        acme.start_run()
        Crew.objects.create(organization=acme.organization, name="Own", slug="own")
        assert _steady(look()) != _steady(before)


def _steady(answer: tuple) -> tuple:
    """Without the times that pass while one looks."""
    status, text = answer
    lines = [line for line in text.splitlines() if "datetime" not in line and "ago" not in line]
    return status, lines


def test_a_cursor_of_another_organization_leads_to_ones_own(acme, globex, client_of):
    for _ in range(3):
        globex.start_run()
    own = acme.start_run()
    theirs = client_of(globex.viewer).get("/api/runs/", {"page_size": 1}).json()["next"]
    found = client_of(acme.viewer).get(theirs).json()["results"]
    assert {run["id"] for run in found} <= {str(own.pk)}
    assert len(client_of(globex.viewer).get(theirs).json()["results"]) == 1


async def _timed(
    web: Web, heads: dict[str, bytes]
) -> tuple[dict[str, list[float]], dict[str, set]]:
    """Seconds from connecting to the close, and the transcripts, of each in turn."""
    seconds: dict[str, list[float]] = {kind: [] for kind in heads}
    said: dict[str, set] = {kind: set() for kind in heads}
    turns = cycle(heads)
    for _ in range(TRIES * len(heads)):
        kind = next(turns)
        start = time.perf_counter()
        answer = await exchange(web.port, heads[kind])
        if kind == "slower":
            await asyncio.sleep(2 * MEDIANS_S)
        seconds[kind].append(time.perf_counter() - start)
        head = [line for line in answer.head.splitlines() if not line.lower().startswith(OF_EACH)]
        said[kind].add((tuple(head), tuple(answer.frames), answer.body))
    return seconds, said


@pytest.mark.parametrize("socket", ["/ws/runs/{}", "/ws/graph/{}"])
def test_a_socket_takes_as_long_to_refuse_a_foreign_record_as_a_missing_one(
    talkative: Web, acme: Tenant, globex: Tenant, socket
):
    foreign = globex.start_run().pk if "runs" in socket else globex.crew.pk
    token = f"Sec-WebSocket-Protocol: token, {AccessToken.for_user(acme.viewer)}"
    ids = {"foreign": foreign, "missing": MISSING, "malformed": "no-uuid", "slower": MISSING}
    heads = {
        kind: handshake(socket.format(pk), token, port=talkative.port) for kind, pk in ids.items()
    }
    seconds, said = asyncio.run(_timed(talkative, heads))
    # On a busy machine medians of few tries differ by chance; a real difference stays with more.
    for _ in range(MORE_ROUNDS):
        if _apart(seconds) < MEDIANS_S:
            break
        for kind, taken in asyncio.run(_timed(talkative, heads))[0].items():
            seconds[kind] += taken
    assert len(said["missing"]) == 1, said["missing"]
    ((head, frames, _),) = said["missing"]
    assert head[0].startswith(b"HTTP/1.1 101")
    assert frames[-1][1][:2] == (4404).to_bytes(2, "big")
    assert said["foreign"] == said["malformed"] == said["missing"]
    medians = _medians(seconds)
    assert _apart(seconds) < MEDIANS_S, medians
    assert medians["slower"] - medians["missing"] >= MEDIANS_S  # so a difference would be seen


def _medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {kind: statistics.median(taken) for kind, taken in seconds.items()}


def _apart(seconds: dict[str, list[float]]) -> float:
    """How far the median of a foreign or malformed id is from that of a missing one."""
    medians = _medians(seconds)
    return max(abs(medians[kind] - medians["missing"]) for kind in ("foreign", "malformed"))
