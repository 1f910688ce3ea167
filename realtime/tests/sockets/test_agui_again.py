"""A client of AG-UI that asks for the same run twice."""

import pytest

from realtime.tests.agui import responses
from realtime.tests.sockets.agui import answered, path_of
from realtime.tests.sockets.helpers import finish

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_client_that_asks_again_has_the_run_once(web, acme, run):
    answered(run, "Hello ", "there")
    finish(run)
    asked = {"url": f"{web.origin}{path_of(run)}", "token": acme.issue_key("watch")[1]}
    first, second = responses.read(**asked, again=True)
    for result in (first, second):
        assert (result["error"], result["warnings"]) == (None, [])
    assert second["messages"] == first["messages"]
    (text,) = [m for m in first["messages"] if m.get("content") == "Hello there"]
    calls = [m["toolCalls"] for m in first["messages"] if m.get("toolCalls")]
    assert len(calls) == len(run.plan["tasks"])
    assert "TOOL_CALL_RESULT" not in {event["type"] for event in second["events"]}
    # One that had lost the connection in the middle of the text gets the rest.
    (result,) = responses.read(**asked, messages=[text | {"content": "Hel"}])
    assert result["messages"][0]["content"] == "Hello there"
    assert result["error"] is None
