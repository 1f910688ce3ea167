"""Starts the demo program: a real process that reports a crew with the client in clients/python.

`manage.py demo_reporter` runs it, and so does a button on the pages while the demo is on.
"""

import fcntl
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from crews.demo.reported import demo_crews
from crews.models import ApiKey, Crew
from realtime.terminal import address

CLIENT = Path(settings.BASE_DIR) / "clients" / "python"
PROGRAM = CLIENT / "examples" / "support_desk.py"
KEY_NAME = "Demo program"
KEY_DAYS = 30


class AlreadyRunning(Exception):
    """The demo program runs already. Only one may run, so that demo runs do not fill the site."""


def start(crew: Crew, *options: str, url: str = "") -> subprocess.Popen:
    """Start the program for ``crew``. It ends by itself. Raises ``AlreadyRunning``."""
    with (directory() / "reporter.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("The demo program is running already.") from None
        site = url or f"http://{address.running(settings.VAR_DIR) or _own_address()}"
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), "--crew", crew.slug, *options],
            env=os.environ
            | {
                "CREWOPS_URL": site,
                "CREWOPS_API_KEY": _key(crew, directory() / "reporter_key"),
                "CREWOPS_SPOOL_DIR": str(directory() / "spool"),
                "CREWOPS_FLUSH_S": "30",  # on a busy machine, too, the run ends with the program
                "PYTHONPATH": str(CLIENT),
            },
            stdin=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],  # the program holds the lock until it ends
        )


def directory() -> Path:
    """The directory for the program's lock, API key and unsent events."""
    found = settings.VAR_DIR / "demo"
    found.mkdir(parents=True, exist_ok=True)
    return found


@login_required
@require_POST
def start_demo(request: HttpRequest) -> HttpResponse:
    """Start the program and go to the crew that it reports."""
    if not settings.DEBUG:
        raise Http404("The demo is off.")
    crew = get_object_or_404(demo_crews(Crew.objects.visible_to(request.user)))
    if not demo_crews(Crew.objects.operable_by(request.user)).exists():
        raise PermissionDenied(
            "Your role lets you watch this crew but not start its runs. Ask an admin of the "
            "organization."
        )
    try:
        program = start(crew)
    except AlreadyRunning as running:
        messages.info(request, str(running))
    else:
        threading.Thread(target=program.wait, daemon=True).start()  # leaves no zombie
    return redirect(crew)


def _own_address() -> str:
    host = "localhost" if settings.HOST in address.ANY else settings.HOST
    return f"{host}:{settings.PORT}"


def _key(crew: Crew, file: Path) -> str:
    """Return the demo's API key. A new one is issued if the stored one is not valid any more."""
    text = file.read_text() if file.exists() else ""
    known = ApiKey.objects.of_text(text)
    if known and known.organization_id == crew.organization_id:
        return text
    _, text = ApiKey.objects.issue(
        organization=crew.organization,
        name=KEY_NAME,
        scopes=["report"],
        expires_at=timezone.now() + timedelta(days=KEY_DAYS),
    )
    file.touch(mode=0o600)
    file.write_text(text)
    return text
