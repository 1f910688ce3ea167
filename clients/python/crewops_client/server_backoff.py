"""The health of the server by its answers: when to call it again, and which notices to log."""

import logging
import random
import time
from typing import Any

from .notices import Notices
from .settings import Settings
from .transport import Response

BACKOFF_S = 8.0
# A server that restarts answers again within `RESTART_S`. Until then it is called more often.
RESTART_S, RESTART_BACKOFF_S = 10.0, 1.0
REFUSED_S = 30.0  # between calls with a key or an address that was refused


class ServerBackoff:
    def __init__(self, settings: Settings, notices: Notices) -> None:
        self.failing_since: float | None = None
        self.failures = 0
        # Why the last answer refused the key, or the address of a server that never answered.
        self.refusal = ""
        self._has_answered = False
        self.again_at = 0.0
        self.rejected = 0
        self._settings = settings
        self._notices = notices

    def taken(self, body: dict[str, Any], sent: int, *, own: bool = True) -> None:
        """Handle the answer to a call with `sent` events, and beats after them.

        Unless `own`, the events are of a program that has ended.
        """
        repeated = self.failures > 0
        self.failing_since, self.failures, self.again_at = None, 0, 0.0
        self.refusal, self._has_answered = "", True
        self._notices.log_resolved("away", "the server answers again")
        self._notices.log_resolved("refused", "the server accepts the calls again")
        rejected = body.get("rejected")
        for entry in rejected if isinstance(rejected, list) else []:
            if not isinstance(entry, dict):
                continue
            code, index = str(entry.get("code")), entry.get("index")
            if isinstance(index, int) and index >= sent:
                continue  # a beat
            if code == "run_ended" and repeated:
                continue  # the server took the call before, but its answer was lost
            why = f"{code}: {entry.get('detail')} (id {entry.get('id')})"
            if own:
                self.rejected += 1
                self._notices.log_once(f"rejected {code}", f"an event was rejected: {why}")
            else:
                text = f"an event that an earlier program left on disk was rejected: {why}"
                self._notices.log_once("rejected, of an earlier program", text)

    def failed(self, answer: Response) -> None:
        now = time.monotonic()
        if self.failing_since is None:
            self.failing_since = now
        self.failures += 1
        self.refusal = ""
        if answer.refused:
            why = refusal(answer, self._settings.url)
            # A proxy may answer 404 or redirect while the server is replaced.
            self.refusal = why if answer.status in (401, 403) or not self._has_answered else ""
            self.again_at = now + REFUSED_S * random.uniform(1, 1.5)
            self._notices.log_once("refused", why, logging.ERROR)
            return
        longest = BACKOFF_S if now - self.failing_since >= RESTART_S else RESTART_BACKOFF_S
        wait = min(longest, 0.2 * 2 ** min(self.failures, 10)) * random.uniform(0.5, 1)
        if answer.retry_after is not None:
            wait = answer.retry_after + random.uniform(0, 0.5)
        self.again_at = now + wait
        if answer.status in (429, 503):
            return  # the server is busy, which needs no notice
        why = answer.detail or f"HTTP {answer.status}"
        text = f"{self._settings.url} does not answer ({why}). Events are kept and sent later."
        self._notices.log_once("away", text)


def refusal(answer: Response, url: str) -> str:
    """Return a sentence that says what to change."""
    if answer.status == 401:
        return f"{url} does not accept the key in CREWOPS_API_KEY (401 {answer.detail})"
    if answer.status == 403:
        return f"the key in CREWOPS_API_KEY may not report runs (403 {answer.detail})"
    if 300 <= answer.status < 400:
        return f"CREWOPS_URL is {url}, which redirects to {answer.detail}: set it to that"
    status = f"HTTP {answer.status} {answer.detail}".rstrip()
    return (
        f"CREWOPS_URL is {url}, where no CrewOps is found ({status})."
        " Set it to the address of the server, without a path such as /api"
    )
