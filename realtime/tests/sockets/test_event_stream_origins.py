"""Which pages of other origins may read event streams (CORS), and with what."""

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from realtime.tests.sockets.event_source import reading
from realtime.tests.sockets.helpers import browser_of
from realtime.tests.sockets.test_refusals import MISSING
from tests import plain_http

pytestmark = pytest.mark.django_db(transaction=True)

ALLOW = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
FOREIGN = "http://elsewhere.example"


def paths(acme, run) -> list[str]:
    return [f"/sse/runs/{run.pk}", f"/sse/graph/{acme.crew.pk}/", "/sse/mission",
            f"/agui/runs/{run.pk}"]  # fmt: skip


def test_a_page_of_an_allowed_origin_reads_with_a_token(web, acme, run):
    for path in paths(acme, run):
        with reading(web, path, acme.viewer, Origin=web.origin) as reader:
            response = reader.response
            assert (response.status_code, response.headers[ALLOW]) == (200, web.origin)
            assert response.headers["Vary"] == "origin"
            assert CREDENTIALS not in response.headers
            assert next(response.iter_raw())


def test_it_reads_why_it_is_refused(web, acme, run):
    for path, user, status in (
        ("/sse/mission", None, 401),
        (f"/sse/runs/{MISSING}", acme.viewer, 404),
        (f"/agui/runs/{run.pk}?since=x", None, 401),
    ):
        with reading(web, path, user, Origin=web.origin) as reader:
            response = reader.response
            assert (response.status_code, response.headers[ALLOW]) == (status, web.origin)
            response.read()
            assert response.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_asks_first_and_needs_no_credentials_for_that(web, acme, run, method):
    wanted = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,last-event-id",
    }
    for path in paths(acme, run):
        answer = plain_http.options(web.origin + path, headers={"Origin": web.origin} | wanted)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers[ALLOW] == web.origin
        assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
        allowed = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert {"authorization", "content-type", "last-event-id"} <= allowed
        assert CREDENTIALS not in answer.headers
        foreign = plain_http.options(web.origin + path, headers={"Origin": FOREIGN} | wanted)
        assert ALLOW not in foreign.headers


def test_a_page_of_another_origin_reads_nothing(web, acme, run):
    token = f"Bearer {AccessToken.for_user(acme.viewer)}"
    for path in paths(acme, run):
        for origin in (FOREIGN, "null", f"{web.origin}.evil.example"):
            headers = {"Origin": origin, "Authorization": token}
            answer = plain_http.get(web.origin + path, headers=headers)
            assert answer.status_code == 403
            assert ALLOW not in answer.headers


def test_no_page_of_another_origin_reads_an_answer_to_a_cookie(web, acme, run):
    _, cookie = browser_of(acme.viewer)
    for path in paths(acme, run):
        with reading(web, path, **cookie, Origin=web.origin) as reader:
            # Without this header a browser shows no answer to a request with a cookie.
            assert CREDENTIALS not in reader.response.headers


def test_an_answer_without_an_origin_says_that_it_depends_on_it(web, acme):
    with reading(web, "/sse/mission", acme.viewer) as reader:
        assert reader.response.headers["Vary"] == "origin"
        assert ALLOW not in reader.response.headers
