"""`crewops check` says whether key and address are right, and what to change."""

import pytest

import crewops_client
from crewops_client.cli import main
from sdk.report_server import KEY, ReportServer


def test_check(server: ReportServer, monkeypatch: pytest.MonkeyPatch, capsys):
    def check() -> tuple[int, str]:
        code = main(["check"])
        said = capsys.readouterr()
        return code, said.out + said.err

    assert check() == (1, "crewops: CREWOPS_URL is not set\n")
    monkeypatch.setenv("CREWOPS_URL", server.url)
    assert check() == (1, "crewops: CREWOPS_API_KEY is not set\n")
    monkeypatch.setenv("CREWOPS_API_KEY", "crewops_wrong")
    assert check()[1].endswith("does not accept the key in CREWOPS_API_KEY (401 No such key.)\n")
    monkeypatch.setenv("CREWOPS_API_KEY", KEY)
    assert check() == (0, f"{server.url} takes reports with this key.\n")
    monkeypatch.setenv("CREWOPS_URL", f"{server.url}/api")
    code, said = check()
    assert code == 1
    assert "is found (HTTP 404). Set it to the address of the server, without a path" in said
    monkeypatch.setenv("CREWOPS_URL", "http://127.0.0.1:1")
    assert "does not answer" in check()[1]
    monkeypatch.setenv("CREWOPS_URL", "http://127.0.0.1:eighty")
    assert "CREWOPS_URL is not valid" in check()[1]


def test_check_says_that_reports_are_switched_off(
    server: ReportServer, monkeypatch: pytest.MonkeyPatch, capsys
):
    environment = {"URL": server.url, "API_KEY": KEY, "DISABLED": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(f"CREWOPS_{name}", value)
    assert main(["check"]) == 0
    assert capsys.readouterr().err == "CREWOPS_DISABLED is set: programs report nothing.\n"


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"crewops-client {crewops_client.__version__}\n"
