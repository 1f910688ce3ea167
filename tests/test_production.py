"""A site with DEBUG off, as a browser behind the TLS proxy sees it, and the checks of a
deployment.
"""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from django.conf import settings

from crewops import checks
from tests import plain_http
from tests.live import Web
from tests.test_settings import PRODUCTION

HOST = PRODUCTION["ALLOWED_HOSTS"]
# Apps whose pages are not looked at here; compressing their files takes half a minute.
ELSEWHERE = [
    f"--ignore={app}" for app in ("admin", "unfold", "rest_framework", "drf_spectacular_sidecar")
]
REFERENCE = re.compile(
    r"""(?:src|href)="(/static/[^"]+)"|"(/static/[^"]+\.m?js)"|"""
    r"""(?:from\s*|import\s*)["'](\.{1,2}/[^"']+)["']|url\(["']?([^"')#]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory, django_db_setup) -> Iterator[httpx.Client]:
    """A client of a web process with DEBUG off, through what a proxy would add."""
    variables = PRODUCTION | {
        "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        "STATIC_ROOT": str(tmp_path_factory.mktemp("static")),
    }
    subprocess.run(
        [
            sys.executable,
            "manage.py",
            "collectstatic",
            "--no-input",
            "--verbosity",
            "0",
            *ELSEWHERE,
        ],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crewops.settings", **variables},
        check=True,
    )
    web = Web(**variables)
    with plain_http.Client(
        base_url=web.origin, headers={"Host": HOST, "X-Forwarded-Proto": "https"}
    ) as client:
        yield client
    web.stop()


def references(text: str, address: str) -> set[str]:
    """Addresses of static files that a page, a module or a style sheet names."""
    found = {
        urlsplit(urljoin(address, next(filter(None, match.groups())))).path
        for match in REFERENCE.finditer(text)
        if not next(filter(None, match.groups())).startswith("data:")
    }
    return {path for path in found if path.startswith("/static/")}


def test_every_file_a_page_needs_is_served_with_its_type(site):
    waiting, seen = {"/login/"}, {}
    while waiting:
        address = waiting.pop()
        response = site.get(address)
        assert response.status_code == 200, address
        seen[address] = response
        ours = address == "/login/" or re.search("/realtime/|/vendor/icons/", address)
        if ours and response.headers["content-type"].startswith("text/"):
            waiting |= references(response.text, address) - seen.keys()
    modules = [path for path in seen if path.endswith((".js", ".mjs"))]
    assert len(modules) > 3
    assert {seen[path].headers["content-type"] for path in modules} == {
        'text/javascript; charset="utf-8"'
    }
    assert any(path.endswith(".css") for path in seen)


MODULE = "realtime/websocket.js"
CACHED = "max-age=31536000, public, immutable"


def test_static_files_are_compressed_and_cached_by_their_version(site):
    (versioned,) = set(re.findall(r"/static/v-[0-9a-f]{16}/", site.get("/login/").text))
    first = site.get(versioned + MODULE, headers={"Accept-Encoding": "br"})
    assert first.headers["content-encoding"] == "br"
    assert first.headers["cache-control"] == CACHED
    again = site.get(
        versioned + MODULE, headers={"If-Modified-Since": first.headers["last-modified"]}
    )
    assert again.status_code == 304
    assert site.get(f"{versioned}realtime/none.js").status_code == 404


@pytest.mark.parametrize("prefix", ["/static/", "/static/v-0123456789abcdef/"])
def test_an_address_of_no_version_or_another_one_is_asked_for_again(site, prefix):
    first = site.get(prefix + MODULE)
    assert "max-age=0" in first.headers["cache-control"]
    assert first.text == site.get(f"/static/{MODULE}").text
    again = site.get(prefix + MODULE, headers={"If-Modified-Since": first.headers["last-modified"]})
    assert again.status_code == 304


def test_a_missing_file_and_a_missing_page_are_404_without_a_trace(site):
    for address in ("/static/realtime/none.js", "/none/"):
        missing = site.get(address)
        assert missing.status_code == 404
        assert "Traceback" not in missing.text
        assert "crewops.settings" not in missing.text


def test_cookies_go_over_tls_only_and_to_our_own_pages(site):
    (cookie,) = site.get("/login/").headers.get_list("set-cookie")
    assert {"Secure", "SameSite=Lax"} <= set(cookie.split("; "))
    # The session's, which only a sign-in sets.
    assert (settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE) == (True, "Lax")


@pytest.mark.parametrize("path", ["/login/", "/admin/", "/api/crews/", "/none/"])
def test_every_answer_carries_the_security_headers(site, path):
    headers = site.get(path).headers
    assert headers["strict-transport-security"] == "max-age=2592000"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "camera=()" in headers["permissions-policy"]


def test_what_comes_without_tls_is_sent_there_but_for_the_probes(site):
    plain = {"X-Forwarded-Proto": "http"}
    sent_on = site.get("/login/", headers=plain)
    assert sent_on.status_code == 301
    assert sent_on.headers["location"] == f"https://{HOST}/login/"
    assert site.get("/healthz", headers=plain).status_code == 200


def warnings(**variables: str) -> set[str]:
    """The ids of what ``check --deploy`` finds."""
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crewops.settings", **variables},
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
    return set(re.findall(r"\((\w+\.[WE]\d+)\)", checked.stderr))


def test_the_checks_of_a_deployment_find_nothing_but_what_is_not_there():
    complete = PRODUCTION | {
        "DATABASE_URL": "postgres://crewops@db.internal/crewops",
        "SECRETS_KEYS": base64.urlsafe_b64encode(bytes(32)).decode(),
        "EVENTS_RETENTION_DAYS": "90",
    }
    # No static files are collected here, and tools may not be boxed on this machine.
    assert warnings(**complete) <= {"crewops.W002", "runs.W001"}
    weak = warnings(**complete, HSTS_SECONDS="0", HTTPS_REDIRECT="0")
    assert {"security.W004", "security.W008"} <= weak


def test_another_host_name_is_refused(site):
    assert site.get("/login/").status_code == 200
    assert site.get("/login/", headers={"Host": "evil.example.com"}).status_code == 400


def test_missing_front_end_packages_are_reported(settings, tmp_path):
    settings.DEBUG = True
    assert checks.front_end_packages_are_installed() == []
    settings.NODE_MODULES = tmp_path
    (warning,) = checks.front_end_packages_are_installed()
    assert warning.id == "crewops.W001"
    assert "npm ci" in warning.hint


def test_static_files_that_were_not_collected_are_reported(settings, tmp_path):
    settings.DEBUG = False
    settings.STATIC_ROOT = tmp_path
    (warning,) = checks.static_files_are_collected()
    assert warning.id == "crewops.W002"
    collected = Path(tmp_path) / checks.SENTINEL
    collected.parent.mkdir()
    collected.touch()
    assert checks.static_files_are_collected() == []


def test_a_redis_that_evicts_is_reported(settings, redis_server):
    settings.REDIS_IS_PRIVATE = False
    assert checks.redis_is_usable() == []
    redis_server.config_set("maxmemory-policy", "allkeys-lru")
    try:
        (warning,) = checks.redis_is_usable()
        assert warning.id == "crewops.W005"
    finally:
        redis_server.config_set("maxmemory-policy", "noeviction")


def test_a_redis_that_does_not_answer_is_reported(settings, tmp_path):
    settings.REDIS_IS_PRIVATE = False
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"
    (warning,) = checks.redis_is_usable()
    assert warning.id == "crewops.W004"


def test_a_database_that_grows_for_ever_is_reported(settings):
    (warning,) = checks.retention_is_configured()
    assert warning.id == "crewops.W006"
    assert "EVENTS_RETENTION_DAYS" in warning.hint
    settings.EVENTS_RETENTION_DAYS = 90
    assert checks.retention_is_configured() == []
