"""The search page."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.html import escape

from conftest import Tenant
from runs.search import results
from runs.search.tests.scene import end_tool, index
from runs.tests.scene import fail, get

pytestmark = pytest.mark.django_db


def test_without_a_question_it_says_what_can_be_asked(acme: Tenant):
    end_tool(acme, "hello")
    index()
    page = get(acme.viewer, "/search/").content.decode()
    assert 'id="search-help"' in page
    assert 'class="hit"' not in page


def test_the_filters_say_that_their_days_are_utc(acme: Tenant):
    page = get(acme.viewer, "/search/").content.decode()
    assert page.count("From (UTC)") == 2  # the label, and for screen readers
    assert page.lower().count("to (utc)") == 2


def test_a_hit_leads_to_the_tool_and_marks_the_words(acme: Tenant):
    run = acme.start_run()
    tool = fail(run)
    index()
    page = get(acme.viewer, "/search/?q=trace&kind=tool").content.decode()
    assert page.count('class="hit"') == 1
    assert f'href="/runs/{run.pk}/?at={tool.pk}#tool-{tool.pk}"' in page
    assert f'href="/runs/{run.pk}/"' in page
    assert "<mark>Traceback</mark>" in page
    assert "Orion works" in page
    assert 'data-status="failed"' in page


def test_a_search_of_one_run_says_so_and_leads_to_all(acme: Tenant, globex: Tenant):
    run, other = acme.start_run(), acme.start_run()
    tools = [end_tool(acme, "hello", run=each) for each in (run, other)]
    index()
    page = get(acme.viewer, f"/search/?q=hello&run={run.pk}").content.decode()
    assert [f"#tool-{tool.pk}" in page for tool in tools] == [True, False]
    assert f'name="run" value="{run.pk}"' in page
    assert 'href="?q=hello"' in page
    for run in ("x", globex.start_run().pk):
        page = get(acme.viewer, f"/search/?q=hello&run={run}").content.decode()
        assert "no run with this id" in page or "not a valid UUID" in page
        assert 'class="hit"' not in page


def test_without_a_match_it_says_what_to_do(acme: Tenant):
    page = get(acme.viewer, "/search/?q=nowhere").content.decode()
    assert 'id="no-hits"' in page
    assert "Only the end of a word may be left out" in page
    assert "Leave one out" in get(acme.viewer, "/search/?q=two+words").content.decode()


def test_what_cannot_be_used_is_shown_with_the_reason(acme: Tenant, globex: Tenant):
    for query, reason in (
        ("q=??", "at least one letter"),
        ("q=" + "x" * 201, "at most 200 characters"),
        (f"q=x&crew={globex.crew.pk}", "no crew with this id"),
        ("q=x&status=fine", "fine is no status"),
        ("q=x&since=yesterday", "Give a day such as"),
    ):
        response = get(acme.viewer, f"/search/?{query}")
        assert response.status_code == 200
        page = response.content.decode()
        assert reason in page
        assert 'class="hit"' not in page
        assert 'id="no-hits"' not in page


def test_markup_in_a_text_is_text(acme: Tenant):
    markup = "<script>alert(1)</script><mark>\"' &amp;"
    end_tool(acme, f"word {markup} word", params={"code": markup})
    index()
    page = get(acme.viewer, "/search/?q=word").content.decode()
    assert "<script>alert" not in page
    assert escape("<script>alert(1)</script><mark>\"' &amp;") in page


def test_pages_keep_the_question(acme: Tenant, monkeypatch):
    monkeypatch.setattr(results, "PAGE_SIZE", 2)
    run = acme.start_run()
    for _ in range(3):
        end_tool(acme, "hello", run=run)
    index()
    first = get(acme.viewer, "/search/?q=hello&kind=tool").content.decode()
    assert first.count('class="hit"') == 2
    older = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    assert {"q", "kind", "cursor"} == set(parse_qs(urlsplit(older).query))
    second = get(acme.viewer, f"/search/{older}").content.decode()
    assert second.count('class="hit"') == 1
    assert 'rel="next"' not in second
    assert ">Newest</a>" in second


def test_the_choices_are_the_users_crews(acme: Tenant, globex: Tenant):
    page = get(acme.viewer, "/search/").content.decode()
    assert acme.crew.name in page
    assert globex.crew.name not in page
