"""Every check that schemathesis has, on a live server: no answer differs from the API's
description.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from conftest import Tenant
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
WITHIN_S = 550


def test_no_answer_differs_from_the_description(talkative: Web, acme: Tenant, tmp_path):
    acme.start_run()
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    command += [
        f"{talkative.origin}/api/schema/",
        "--checks",
        "all",
        "--phases",
        "coverage,fuzzing",
    ]
    command += ["--max-examples", "3", "--seed", "1", "--generation-deterministic", "--no-color"]
    command += ["-H", f"Authorization: Bearer {AccessToken.for_user(acme.admin)}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Tested: 51" in ran.stdout
