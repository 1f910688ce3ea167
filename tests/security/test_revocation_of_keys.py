"""An API key that ends while events flow: its sockets close and its calls fail, in time."""

import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from crews.models import ApiKey
from runs.models import Run
from tests import plain_http
from tests.live import Web
from tests.security.test_revocation import WITHIN_S, Listener, Reporter

pytestmark = pytest.mark.django_db(transaction=True)

ENDS = {
    "revoked": lambda key: key.revoke(),
    "expired": lambda key: ApiKey.objects.filter(pk=key.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    ),
    "narrowed": lambda key: ApiKey.objects.filter(pk=key.pk).update(scopes=["report"]),
}


@pytest.mark.parametrize("end", ENDS)
def test_sockets_close_in_time_and_hear_nothing_after(web: Web, acme, end):
    run = acme.start_run()
    key, text = acme.issue_key("watch")
    _, other = acme.issue_key("watch")
    paths = {
        "runs": f"/ws/runs/{run.pk}", "graph": f"/ws/graph/{acme.crew.pk}",
        "graphs": "/ws/graph", "mission": "/ws/mission",
    }  # fmt: skip

    def call() -> int:
        headers = {"Authorization": f"Bearer {text}"}
        return plain_http.get(f"{web.origin}/api/crews/", headers=headers).status_code

    with ExitStack() as stack:

        def listen(kind: str, token: str) -> Listener:
            return Listener(kind, stack.enter_context(web.socket(paths[kind], token=token)))

        leaving = [listen(kind, text) for kind in paths]
        staying = listen("graph", other)
        with Reporter(run):
            while not leaving[1].events(0, str(acme.crew.pk)):
                time.sleep(0.02)
            assert call() == 200
            ENDS[end](key)
            ended = time.time()
            assert call() == (403 if end == "narrowed" else 401)
            Run.objects.get(pk=run.pk).cancel()
            for listener in leaving:
                listener.join(WITHIN_S + 1)
                assert not listener.is_alive(), listener.kind
                assert listener.ended <= ended + WITHIN_S
                assert listener.socket.code == (4403 if end == "narrowed" else 4401), listener.kind
                assert listener.events(ended + WITHIN_S, str(acme.crew.pk)) == []
            assert staying.is_alive()
