"""Who finds what, in which order, and the filters."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conftest import Tenant
from crews.models import Crew, Membership
from runs.models import ToolExecution
from runs.search import finding, newest, postgresql, scope, sqlite
from runs.search.models import Document
from runs.search.models.document import first_id
from runs.search.query import Query
from runs.search.tests.scene import end_tool, found, index
from runs.tests.scene import fail

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_nothing_of_another_organization_is_found(acme: Tenant, globex: Tenant, superuser):
    ours, theirs = end_tool(acme, "a shared word"), end_tool(globex, "a shared word, and secret")
    index()
    assert found(acme.viewer, "shared") == [str(ours.pk)]
    assert found(globex.admin, "shared") == [str(theirs.pk)]
    assert found(superuser, "shared") == [str(theirs.pk), str(ours.pk)]
    for text in ("secret", f"o{globex.organization.pk}", f"=o{globex.organization.pk}", "ktool"):
        assert found(acme.viewer, text) == []
    for filters in ({"crew": globex.crew.pk}, {"crew": uuid.uuid4()}):
        assert found(acme.viewer, "shared", **filters) == []


def test_the_index_is_asked_only_for_words_of_the_users_organizations(acme, globex, superuser):
    assert finding._organizations(acme.viewer) == [acme.organization.pk]
    assert finding._organizations(superuser) is None
    theirs = scope.organization(globex.organization.pk)
    for backend in (sqlite.match_of, postgresql.literal_of):
        asked = backend(Query.parse("hello"), [], [acme.organization.pk])
        assert scope.organization(acme.organization.pk) in asked
        assert theirs not in asked


def test_a_text_with_the_words_of_the_scope_is_found_by_nobody_else(acme: Tenant, globex: Tenant):
    words = f"o{globex.organization.pk} =o{globex.organization.pk} c{globex.crew.pk.hex} ktool"
    end_tool(acme, f"a word of {words}")
    index()
    assert found(globex.admin, "word") == found(globex.admin, "") == []
    assert len(found(acme.admin, "word")) == 1


def test_a_member_of_several_organizations_finds_what_all_of_them_have(acme, globex):
    tools = [end_tool(acme, "hello"), end_tool(globex, "hello")]
    index()
    Membership.objects.create(user=acme.viewer, organization=globex.organization, role="viewer")
    assert found(acme.viewer, "hello") == [str(tool.pk) for tool in reversed(tools)]
    assert len(found(acme.viewer, "")) == 2


def test_the_newest_of_several_organizations_come_first_and_pages_lose_nothing(
    acme, globex, monkeypatch
):
    """One organization has a few old documents, and many of the other are newer than those."""
    monkeypatch.setattr(newest, "NEWEST", 2)
    Membership.objects.create(user=acme.viewer, organization=globex.organization, role="viewer")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tools = [end_tool(tenant, "hello") for tenant in [acme] * 2 + [globex] * 3]
    others = [end_tool(globex, "another word") for _ in range(3)]
    for number, tool in enumerate([*tools, *others]):
        QuerySet.update(ToolExecution.objects.filter(pk=tool.pk), ended_at=start + number * DAY)
    index()
    pages, beyond = [], None
    while page := found(acme.viewer, "hello", size=1, beyond=beyond):
        pages += page
        beyond = Document.objects.get(object_id=page[-1]).pk
    assert pages == [str(tool.pk) for tool in reversed(tools)]


def test_nobody_without_a_membership_finds_anything(acme: Tenant, django_user_model):
    end_tool(acme, "hello")
    index()
    nobody = django_user_model.objects.create_user("homeless")
    assert found(nobody, "hello") == found(nobody, "") == []
    acme.viewer.is_active = False
    acme.viewer.save()
    assert found(acme.viewer, "hello") == []


def test_all_words_must_occur_and_quotes_are_exact(acme: Tenant):
    tool = end_tool(acme, "curl: (56) Recv failure: Connection reset by peer in src/net/http_2.py")
    index()
    hits = [
        *("connection", "CONN reset", "reset connection", '"connection reset by peer"', "recv 56"),
        *("http_2.py", "net/http", "src/net/http_2.py", "(56)", "'reset' & \"by peer\"", "conn:*"),
    ]
    for text in hits:
        assert found(acme.viewer, text) == [str(tool.pk)], text
    for text in ("connection refused", '"reset connection"', '"conn"', "eset", "net/py"):
        assert found(acme.viewer, text) == [], text


@pytest.mark.parametrize(
    "text",
    [
        "'", "\\", "a'b", "it's", '"', "a:*b", "!a", "a <-> b", "(", "NOT a", "a NEAR b", "words: x",
        "{a b}: c", "a^b", "x -- y", "; DROP TABLE search_document", "\x00a", "\ud83d", "%s %(a)s", "é",
        "a\u0301", "日本", "\u202eabc", "1.5e10", "<script>alert(1)</script>", "scope : o1", "a*", "ß",
    ],
)  # fmt: skip
def test_no_query_raises_and_each_finds_its_own_text(acme: Tenant, text):
    stored = text.replace("\x00", "\ufffd").replace("\ud83d", "\ufffd")
    tool = end_tool(acme, f"before {stored} after")
    index()
    query = Query.parse(text) if any(map(str.isalnum, text)) else Query()
    expected = [str(tool.pk)] if query.terms else []
    assert (found(acme.viewer, text) if query.terms else []) == expected
    assert len(found(acme.viewer, f"before {text} after")) == 1


def test_filters_limit_what_is_found(acme: Tenant):
    failed = fail(acme.start_run())
    fine = end_tool(acme, "Traceback of another kind")
    other = Crew.objects.create(organization=acme.organization, name="Other", slug="other")
    index()
    both = {str(failed.pk), str(fine.pk)}
    assert {*found(acme.viewer, "traceback")} == both
    assert found(acme.viewer, "traceback", outcome="failed") == [str(failed.pk)]
    assert found(acme.viewer, "traceback", outcome="succeeded", kind="tool") == [str(fine.pk)]
    assert found(acme.viewer, "traceback", kind="run") == []
    assert {*found(acme.viewer, "traceback", crew=acme.crew.pk)} == both
    assert found(acme.viewer, "traceback", crew=other.pk) == []
    assert {*found(acme.viewer, "", kind="tool")} == both


def test_a_search_of_one_run_pages_through_all_of_it_and_nothing_else(acme: Tenant, globex):
    run, other = acme.start_run(), acme.start_run()
    tools = []
    for _ in range(5):
        tools.append(str(end_tool(acme, "hello", run=run).pk))
        end_tool(acme, "hello", run=other)
    theirs = end_tool(globex, "hello")
    index()
    for text in ("hello", ""):
        pages, beyond = [], None
        while page := found(acme.viewer, text, run=run.pk, size=2, beyond=beyond):
            pages += page
            beyond = Document.objects.get(object_id=page[-1]).pk
        assert pages == tools[::-1]
    middle = Document.objects.get(object_id=tools[2]).pk
    assert found(acme.viewer, "hello", run=run.pk, first=middle) == tools[:1:-1]
    for pk in (theirs.task_execution.run_id, uuid.uuid4()):
        assert found(acme.viewer, "hello", run=pk) == []


def test_results_are_in_the_order_of_time_and_pages_lose_nothing(acme: Tenant, superuser):
    run = acme.start_run()
    tools = [end_tool(acme, "hello", run=run) for _ in range(7)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, tool in enumerate(tools):
        QuerySet.update(ToolExecution.objects.filter(pk=tool.pk), ended_at=start + number * DAY)
    index()
    newest_first = [str(tool.pk) for tool in reversed(tools)]
    for user in (acme.viewer, superuser):
        for text in ("hello", ""):
            pages, beyond = [], None
            while page := found(user, text, size=3, beyond=beyond):
                pages += page
                beyond = Document.objects.get(object_id=page[-1]).pk
            assert pages == newest_first
        between = {"first": first_id(start + DAY), "beyond": first_id(start + 3 * DAY)}
        assert found(user, "hello", **between) == newest_first[4:6]


@pytest.mark.parametrize("newer", [(), (4,), (4, 6), (4, 20)])
def test_a_word_out_of_use_is_found_before_the_index_is_asked(acme, globex, monkeypatch, newer):
    monkeypatch.setattr(newest, "NEWEST", 2)
    monkeypatch.setattr(postgresql, "NEWER", newer)
    monkeypatch.setattr(postgresql, "MANY", 0)
    Membership.objects.create(user=acme.viewer, organization=globex.organization, role="viewer")
    runs = [tenant.start_run() for tenant in (acme, globex)]
    tools = [end_tool(acme, "formerly", run=runs[n % 2]) for n in range(7)]
    for number in range(5):
        end_tool(acme, "hello", run=runs[number % 2])
    index()
    with CaptureQueriesContext(connection) as queries:
        shown = found(acme.viewer, "formerly", size=2)
    assert shown == [str(tool.pk) for tool in tools[:4:-1]]
    if connection.vendor == "postgresql":
        asked = [query["sql"] for query in queries if "+ 0" in query["sql"]]  # of the index
        assert bool(asked) is (max(newer, default=0) < 20)


def test_a_word_that_only_old_documents_have_is_found(acme: Tenant, monkeypatch):
    """It is not among the newest, and on SQLite not among the first candidates of the index."""
    monkeypatch.setattr(newest, "NEWEST", 2)
    monkeypatch.setattr(sqlite, "CANDIDATES", 2)
    run = acme.start_run()
    old = end_tool(acme, "rare hello", run=run)
    for _ in range(5):
        end_tool(acme, "hello", run=run)
    index()
    assert found(acme.viewer, "rare", size=1) == [str(old.pk)]
    assert len(found(acme.viewer, "hello")) == 6


def test_a_run_that_was_just_deleted_does_not_shorten_a_page(acme: Tenant, monkeypatch):
    monkeypatch.setattr(sqlite, "CANDIDATES", 2)
    kept = end_tool(acme, "hello")
    gone = acme.start_run()
    for _ in range(4):
        end_tool(acme, "hello", run=gone)
    index()
    QuerySet.update(acme.crew.runs.filter(pk=gone.pk), deleted_at=timezone.now())
    assert found(acme.viewer, "hello", size=1) == [str(kept.pk)]


@pytest.mark.parametrize(
    "text",
    [
        "alpha",
        "alph",
        '"alph"',
        "beta gamma",
        '"beta gamma"',
        '"gamma beta"',
        "omega",
        "東京",
        "京",
        "be",
    ],
)
def test_the_newest_are_compared_as_the_index_is_asked(acme: Tenant, monkeypatch, text):
    run = acme.start_run()
    for output in ("alpha beta gamma", "alphabet gamma", "x-alpha/beta omega", "in 東京 beta"):
        end_tool(acme, output, run=run)
    index()
    compared = [found(acme.viewer, text, size=size) for size in (1, 2)]
    monkeypatch.setattr(newest, "ORGANIZATIONS", 0)
    assert [found(acme.viewer, text, size=size) for size in (1, 2)] == compared


def test_a_word_of_some_documents_is_looked_for_among_more_of_the_newest(acme, monkeypatch):
    """On PostgreSQL; the page is the same as that of the index."""
    monkeypatch.setattr(newest, "NEWEST", 4)
    run = acme.start_run()
    tools = [end_tool(acme, "hello" if number % 3 else "another", run=run) for number in range(12)]
    index()
    own = [str(tool.pk) for number, tool in reversed(list(enumerate(tools))) if number % 3]
    assert found(acme.viewer, "hello", size=5) == own[:5]
    assert found(acme.viewer, "hello", size=8) == own
    assert found(acme.viewer, "hello", size=20) == own
