"""A backup of PostgreSQL from before an upgrade is restored as docs/operations.md says."""

import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.live import environment
from tests.postgres import binaries

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "restored"
NEWER = 'CREATE TABLE newer (crew uuid REFERENCES "crews_crew" (id))'  # as an upgrade adds it


@pytest.fixture
def server():
    """Runs a program of PostgreSQL on the server of the tests. Returns what it printed."""
    if connection.vendor == "sqlite" or not (binaries() / "createdb").is_file():
        pytest.skip("needs PostgreSQL and its programs")
    url = urlsplit(environment()["DATABASE_URL"])
    # `hostname` is in lower case, and a directory is not.
    host = {"PGHOST": unquote(url.netloc.rpartition("@")[2]), "PGUSER": url.username}

    def call(program: str, *arguments: str) -> str:
        command = [binaries() / program, *arguments]
        return subprocess.run(
            command, env=host, check=True, capture_output=True, text=True, timeout=120
        ).stdout

    yield call
    call("dropdb", "--if-exists", NAME)


def documented() -> list[list[str]]:
    """The commands that restore a backup into the database ``crewops``."""
    text = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    block = re.search(r"```sh\n(\s*dropdb .*?)```", text, re.DOTALL)[1]
    return [shlex.split(line) for line in block.splitlines() if line.strip()]


def test_what_an_upgrade_has_added_does_not_stay(server, acme, tmp_path: Path):
    backup = tmp_path / "backup"
    server("pg_dump", "--format=custom", f"--file={backup}", connection.settings_dict["NAME"])
    server("createdb", NAME)
    server("pg_restore", "--single-transaction", f"--dbname={NAME}", str(backup))
    server("psql", f"--dbname={NAME}", f"--command={NEWER}")
    words = {"crewops": NAME, "--dbname=crewops": f"--dbname={NAME}", "backup": str(backup)}
    for program, *arguments in documented():
        server(program, *(words.get(word, word) for word in arguments))
    ask = ("psql", f"--dbname={NAME}", "--tuples-only", "--no-align")
    assert server(*ask, "--command=SELECT slug FROM crews_organization").strip() == "acme"
    assert server(*ask, "--command=SELECT to_regclass('newer') IS NULL").strip() == "t"
