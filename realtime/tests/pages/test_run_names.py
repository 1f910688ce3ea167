"""A run's own name, or else its id, beside the name of its crew, on the pages that list runs."""

import re

import pytest

from realtime.tests.pages.scene import get, reported
from runs.search.tests.scene import index

pytestmark = pytest.mark.django_db
NAMED = "Acme crew Nightly tickets"


def texts(page: str, pattern: str) -> list[str]:
    """What the group of the pattern matches, without tags."""
    found = re.findall(pattern, page, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", one).split()) for one in found]


@pytest.mark.parametrize("path", ["/", "/runs/"])
def test_a_list_of_runs_shows_it_or_the_beginning_of_the_id(acme, path):
    run = acme.start_run()
    reported(acme)
    page = get(acme.viewer, path).content.decode()
    titles = texts(page, r'class="run-row-title"><a [^>]*>(.*?)</a>')
    assert titles == [NAMED, f"Acme crew Run {str(run.pk)[:8]}"]


def test_a_hit_of_the_search_shows_the_name_of_its_run(acme):
    tool = {"execution_id": "c1", "agent_id": "vega", "tool": "fetch", "status": "success"}
    run = reported(acme, {"type": "tool_start"} | tool, {"type": "tool_end"} | tool)
    run.finish("succeeded")
    index()
    page = get(acme.viewer, "/search/?q=vega").content.decode()
    assert texts(page, r"(Nightly tickets</bdi>, run of.*?)</a>") == [
        "Nightly tickets , run of Acme crew"
    ]
    page = get(acme.viewer, "/search/?q=tickets&kind=run").content.decode()
    assert texts(page, r'class="hit-title">(.*?)</h2>') == [NAMED]
