"""Settings: what is missing in production stops the start, and every variable is documented."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from crewops.settings.security import networks

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-of-this-test-" * 4,
    "ALLOWED_HOSTS": "crewops.example.com",
    "ALLOWED_ORIGINS": "https://crewops.example.com",
}


SHOW = "from django.conf import settings; print(settings.ALLOWED_HOSTS)"
# The headers a browser receives, without a page: pages need the static files collected.
ASK = """
import json
import django

django.setup()
from django.conf import settings
from django.test import Client

host = settings.ALLOWED_HOSTS[0]
answers = {
    "headers": {k.lower(): v for k, v in Client().get("/healthz", secure=True, HTTP_HOST=host).items()},
    "plain": Client().get("/runs/", HTTP_HOST=host).headers["Location"],
    "elsewhere": Client().get("/login/", secure=True, HTTP_HOST="evil.example").status_code,
}
for name in ("SECURE", "HTTPONLY", "SAMESITE"):
    answers[name] = [getattr(settings, f"{cookie}_COOKIE_{name}") for cookie in ("SESSION", "CSRF")]
print(json.dumps(answers))
"""


def start(code: str = SHOW, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process with these variables and no others of ours."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "crewops.settings",
            "VAR_DIR": str(settings.VAR_DIR),
            **variables,
        },
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )


def test_production_starts_with_all_it_needs():
    started = start(**PRODUCTION)
    assert started.returncode == 0, started.stderr
    assert started.stdout.strip() == "['crewops.example.com']"


def test_development_starts_with_nothing():
    started = start()
    assert started.returncode == 0, started.stderr


def test_production_sends_strict_headers():
    asked = start(ASK, **PRODUCTION)
    answers = json.loads(asked.stdout.splitlines()[-1])
    assert answers["headers"]["strict-transport-security"] == "max-age=2592000"
    assert answers["headers"]["x-frame-options"] == "DENY"
    assert answers["headers"]["x-content-type-options"] == "nosniff"
    assert answers["headers"]["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in answers["headers"]["content-security-policy"]
    assert "camera=()" in answers["headers"]["permissions-policy"]
    assert answers["plain"] == f"https://{PRODUCTION['ALLOWED_HOSTS']}/runs/"
    assert answers["elsewhere"] == 400
    assert answers["SECURE"] == [True, True]
    assert answers["HTTPONLY"][0] is True
    assert answers["SAMESITE"] == ["Lax", "Lax"]


@pytest.mark.parametrize(
    "variables",
    [{}, PRODUCTION | {"ALLOWED_ORIGINS": "http://crewops.example.com"}],
    ids=["development", "production"],
)
def test_a_site_without_an_https_origin_does_without_tls(variables):
    """Else a browser would send no cookie back, and nobody could sign in."""
    answers = json.loads(start(ASK, **variables).stdout.splitlines()[-1])
    assert "strict-transport-security" not in answers["headers"]
    assert answers["plain"] == "/login/?next=/runs/"
    assert answers["SECURE"] == [False, False]


def test_one_https_origin_is_enough_for_secure_cookies():
    origins = "http://localhost:5173,https://crewops.example.com"
    asked = start(ASK, **PRODUCTION | {"ALLOWED_ORIGINS": origins})
    assert json.loads(asked.stdout.splitlines()[-1])["SECURE"] == [True, True]


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"])
def test_production_without_it_stops_and_says_what_to_set(name):
    refused = start(**PRODUCTION | {name: ""})
    assert refused.returncode == 1
    last = refused.stderr.strip().splitlines()[-1]
    assert f"{name} is not set. With DEBUG off, set {name}: " in last


def test_the_command_line_names_all_that_production_misses_without_a_traceback():
    command = [sys.executable, "manage.py", "prepare", "--production"]
    refused = start(f"import os; os.execv({command[0]!r}, {command})", DEBUG="0")
    assert refused.returncode == 1
    named = [line.split()[0] for line in refused.stderr.splitlines()]
    assert named == ["SECRET_KEY", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"]


NO_ORIGINS = [
    "crewops.example.com", "*", "https://", "ftp://example.com", "", "https://example.com/app",
    "https://example.com/?a", "https://example.com#a", "https://ada@example.com", "https://[::1",
]  # fmt: skip


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_an_origin_that_is_none_is_named(origin):
    refused = start(**PRODUCTION | {"ALLOWED_ORIGINS": f"https://crewops.example.com,{origin}"})
    assert refused.returncode == 1
    assert f"ALLOWED_ORIGINS: {origin!r} is no origin. Write scheme://host[:port]" in refused.stderr


def test_origins_and_hosts_are_read_as_browsers_send_them():
    """Sockets compare the whole text of an origin, so a slash or a space would close each."""
    show = (
        "print([settings.ALLOWED_ORIGINS, settings.CORS_ALLOWED_ORIGINS, settings.ALLOWED_HOSTS])"
    )
    variables = {
        "ALLOWED_ORIGINS": "https://crewops.example.com/, HTTPS://Ada.example.com:443 ,"
        "http://a:80,http://b:8000",
        "ALLOWED_HOSTS": "crewops.example.com, ada.example.com ",
    }
    started = start(f"from django.conf import settings; {show}", **PRODUCTION | variables)
    origins, allowed_by_cors, hosts = json.loads(started.stdout.replace("'", '"'))
    assert origins == allowed_by_cors == [
        "https://crewops.example.com", "https://ada.example.com", "http://a", "http://b:8000",
    ]  # fmt: skip
    assert hosts == ["crewops.example.com", "ada.example.com"]


@pytest.mark.parametrize(("query", "seconds"), [("", 10), ("?connect_timeout=3", 3)])
def test_a_connection_to_postgresql_is_not_waited_for_without_end(query, seconds):
    show = "print(settings.DATABASES['default']['OPTIONS']['connect_timeout'])"
    url = f"postgres://ada:secret@127.0.0.1:5432/crewops{query}"
    started = start(f"from django.conf import settings; {show}", DATABASE_URL=url)
    assert started.stdout.strip() == str(seconds)


def test_trusting_every_proxy_is_refused():
    """Each client would choose the address that its limits are counted for."""
    proxies = "10.0.0.0/8,192.0.2.1"
    assert start(**PRODUCTION | {"TRUSTED_PROXIES": proxies}).returncode == 0
    refused = start(**PRODUCTION | {"TRUSTED_PROXIES": f"{proxies},*"})
    assert refused.returncode == 1
    assert "TRUSTED_PROXIES: '*' would let every client choose its own address" in refused.stderr


def test_a_trusted_proxy_is_an_address_or_a_network():
    """Otherwise no proxy would be trusted by it, and nothing would say so."""
    assert networks(["10.0.0.1", "10.1.2.3/8", "::1"]) == ["10.0.0.1/32", "10.0.0.0/8", "::1/128"]
    with pytest.raises(ImproperlyConfigured, match=r"TRUSTED_PROXIES: 'proxy\.internal' "):
        networks(["10.0.0.1", "proxy.internal"])


def test_the_example_lists_every_variable_and_no_other():
    modules = (settings.BASE_DIR / "crewops" / "settings").glob("*.py")
    source = "".join(module.read_text() for module in modules)
    read = set(re.findall(r'(?:env(?:\.\w+)?|required)\(\s*"([A-Z_]+)"', source))
    example = (settings.BASE_DIR / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == read
    assert "SECRET_KEY" in read
    assert "DATABASE_URL" in read


DUMP = """
import json
from pathlib import Path
from crewops import settings

def text_of(value):
    return str(value) if isinstance(value, Path) else type(value).__name__

read = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
print(json.dumps(read, default=text_of))
"""
# What the example shows for them is no default; VAR_DIR is the test's own.
SHOWN_ONLY = {"ALLOWED_HOSTS", "ALLOWED_ORIGINS", "VAR_DIR"}


def test_each_line_of_the_example_gives_the_default(tmp_path):
    example = (settings.BASE_DIR / ".env.example").read_text()
    lines = dict(re.findall(r"^#([A-Z_]+)=(.*)", example, re.MULTILINE))
    given = {name: text for name, text in lines.items() if name not in SHOWN_ONLY}
    assert len(given) > 50
    read = start(DUMP, **given, VAR_DIR=str(tmp_path))
    assert read.returncode == 0, read.stderr
    defaults = start(DUMP, VAR_DIR=str(tmp_path))
    assert json.loads(read.stdout) == json.loads(defaults.stdout)


def test_the_log_level_is_one_of_pythons_in_either_case():
    assert start(LOG_LEVEL="debug").returncode == 0
    assert start(LOG_LEVEL="WARN").returncode == 0
    refused = start(LOG_LEVEL="loud")
    last = refused.stderr.strip().splitlines()[-1]
    assert "LOG_LEVEL is 'LOUD'. Set it to DEBUG, INFO, " in last


def test_an_empty_variable_switches_no_development_on():
    refused = start(DEBUG="")
    assert "SECRET_KEY is not set. With DEBUG off" in refused.stderr
    given = {
        "SECRET_KEY": "x" * 50,
        "ALLOWED_HOSTS": "a.example",
        "ALLOWED_ORIGINS": "https://a.example",
    }
    refused = start(DEBUG="", DATABASE_URL="", **given)
    assert "DATABASE_URL is empty. Set it, or remove it" in refused.stderr


def test_no_time_of_retention_is_below_zero():
    """The end of the time would be in the future, and everything older than it."""
    source = (settings.BASE_DIR / "crewops" / "settings" / "services.py").read_text()
    readers = re.findall(r'env\.(\w+)\("\w+_RETENTION_', source)
    assert readers == ["retention"] * 4


@pytest.mark.parametrize("key", ["too-short", "ü", "x" * 44])
def test_a_key_that_is_none_is_named_by_its_place_alone(key):
    good = "A" * 43 + "="
    assert start(**PRODUCTION | {"SECRETS_KEYS": good}).returncode == 0
    refused = start(**PRODUCTION | {"SECRETS_KEYS": f"{good},{key}"})
    assert refused.returncode == 1
    last = refused.stderr.strip().splitlines()[-1]
    assert "SECRETS_KEYS: entry 2 is no key. Make one with: python3 -c" in last
    assert key not in last.partition("Make one")[0]
