"""The command `crewops agui-proxy`: it prints its address, serves, and ends when it gets a signal
to end.
"""

import http.client
import os
import signal
import subprocess
import sys

import pytest

from crewops_client.cli import main
from sdk.report_server import KEY, ReportServer

COMMAND = [sys.executable, "-m", "crewops_client.cli", "agui-proxy", "--crew", "build"]


def test_an_address_that_is_none_is_explained(capsys):
    assert main(["agui-proxy", "--crew", "build", "--to", "localhost:1"]) == 1
    assert "give an address like" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_reports_what_is_left(server: ReportServer, tmp_path, number):
    own = {"CREWOPS_URL": server.url, "CREWOPS_API_KEY": KEY, "CREWOPS_SPOOL_DIR": str(tmp_path)}
    own["PYTHONPATH"] = ":".join(sys.path)
    process = subprocess.Popen(
        [*COMMAND, "--to", "http://127.0.0.1:9/", "--port", "0"],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("Send AG-UI requests to http://127.0.0.1:")
        port = int(said.strip().rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().status == 502  # no agent is there
        connection.close()
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert [each["status"] for each in server.of("done")] == ["failed"]
