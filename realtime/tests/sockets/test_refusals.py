"""Opening a socket: each way to authenticate and each refusal, on a live server."""

from datetime import timedelta

import pytest
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from realtime.tests.sockets.helpers import browser_of

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = "00000000-0000-4000-8000-000000000000"


def test_a_bearer_token_opens_every_socket(web, acme, path):
    header = {"Authorization": f"Bearer {AccessToken.for_user(acme.viewer)}"}
    with web.socket(path, additional_headers=header) as socket:
        assert socket.frame()["type"] == "hello"
        assert socket.subprotocol is None


def test_the_token_may_stand_first_and_is_never_echoed(web, acme, path):
    token = str(AccessToken.for_user(acme.viewer))
    with web.socket(path, subprotocols=[token, "token"]) as socket:
        assert socket.frame()["type"] == "hello"
        assert socket.connection.response.headers["Sec-WebSocket-Protocol"] == "token"


def test_a_session_opens_sockets_from_our_own_pages(web, acme, path):
    _, cookie = browser_of(acme.viewer)
    with web.socket(path, additional_headers=cookie, origin=web.origin) as socket:
        assert socket.frame()["type"] == "hello"


def test_a_session_without_an_origin_counts_for_nothing(web, acme, path):
    _, cookie = browser_of(acme.viewer)
    with web.socket(path, additional_headers=cookie) as socket:
        assert socket.close_code() == 4401


def test_no_credentials(web, acme, path):
    with web.socket(path) as socket:
        assert socket.close_code() == 4401


def bad_tokens(user) -> dict[str, str]:
    expired, good = AccessToken.for_user(user), AccessToken.for_user(user)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    head, payload, _ = str(good).split(".")
    signature = str(expired).rpartition(".")[2]  # whole, but of another token
    return {
        "empty": "",
        "garbage": "garbage",
        "refresh": str(RefreshToken.for_user(user)),
        "expired": str(expired),
        "no signature": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.",
        "forged": f"{head}.{payload}.{signature}",
        "long": "x" * 9000,
    }


@pytest.mark.parametrize("kind", ["garbage", "refresh", "expired", "no signature", "forged"])
def test_a_token_that_does_not_hold(web, acme, path, kind):
    with web.socket(path, token=bad_tokens(acme.viewer)[kind]) as socket:
        assert socket.close_code() == 4401


def test_a_deactivated_users_token(web, acme, path):
    token = str(AccessToken.for_user(acme.viewer))
    acme.viewer.is_active = False
    acme.viewer.save()
    with web.socket(path, token=token) as socket:
        assert socket.close_code() == 4401


def test_a_token_from_before_the_password_changed(web, acme, path):
    token = str(AccessToken.for_user(acme.viewer))
    acme.viewer.set_password("another one")
    acme.viewer.save()
    with web.socket(path, token=token) as socket:
        assert socket.close_code() == 4401


def test_a_token_in_the_url_counts_for_nothing(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    with web.socket(f"/ws/runs/{run.pk}?token={token}") as socket:
        assert socket.close_code() == 4401


@pytest.mark.parametrize("thing", ["runs", "graph"])
def test_a_foreign_record_is_refused_like_a_missing_one(web, acme, globex, run, thing):
    foreign = run.pk if thing == "runs" else acme.crew.pk
    transcripts = []
    for record in (foreign, MISSING, "no-uuid"):
        with web.socket(f"/ws/{thing}/{record}", globex.admin) as socket:
            code = socket.close_code()
            transcripts.append((code, socket.connection.protocol.close_reason))
    assert transcripts == [(4404, "Not found.")] * 3


def test_an_unknown_path_is_not_found(web, acme):
    with web.socket("/ws/nothing/here", acme.viewer) as socket:
        assert socket.close_code() == 4404


def test_a_shared_run_opens_its_socket_and_nothing_else(web, acme, run):
    run.share(True)
    with web.socket(f"/ws/runs/{run.pk}", origin=web.origin) as socket:
        socket.until(type="boot")
        with web.socket(f"/ws/graph/{acme.crew.pk}") as other:
            assert other.close_code() == 4401
        run.share(False)
        assert [f for f in socket.rest() if f["type"] != "ping"] == []
        assert socket.code == 4403
