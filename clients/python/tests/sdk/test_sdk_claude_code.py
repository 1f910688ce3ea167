"""`crewops claude-code`: what it writes into a settings file, and what it leaves alone."""

import json
import random
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crewops_client import claude_code_command as claude_code
from crewops_client.claude_code_settings import HOOKS, groups, undo, write
from crewops_client.cli import main
from crewops_client.settings import Settings

OURS = groups(Settings("https://crews.example.com/", "crewops_secret"), "site", "$CREWOPS_API_KEY")
OTHER = {"matcher": "Bash", "hooks": [{"type": "command", "command": "./check.sh"}]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "My shop"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("CREWOPS_URL", "https://crews.example.com")
    monkeypatch.setenv("CREWOPS_API_KEY", "crewops_secret")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return directory


@pytest.fixture
def file(project: Path) -> Path:
    return project / ".claude" / "settings.local.json"


def hooks_in(text: str) -> dict[str, Any]:
    return json.loads(text)["hooks"]


def test_it_writes_a_hook_for_each_event(project, file, capsys):
    assert main(["claude-code"]) == 0
    assert hooks_in(file.read_text()) == {
        name: [
            {
                "hooks": [
                    {
                        "type": "http",
                        "url": "https://crews.example.com/api/report/claude-code/?crew=My-shop",
                        "headers": {"Authorization": "Bearer $CREWOPS_API_KEY"},
                        "timeout": 5,
                        "allowedEnvVars": ["CREWOPS_API_KEY"],
                    }
                ]
            }
        ]
        for name in HOOKS
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "crewops_secret" not in file.read_text() + "".join(capsys.readouterr())


def test_permission_requests_wait_where_that_was_chosen(project, file, capsys):
    assert main(["claude-code", "--crew", "site", "--approve"]) == 0
    hooks = {name: own[0]["hooks"][0] for name, own in hooks_in(file.read_text()).items()}
    url = "https://crews.example.com/api/report/claude-code/?crew=site"
    assert {name: (hook["url"], hook["timeout"]) for name, hook in hooks.items()} == dict.fromkeys(
        HOOKS, (url, 5)
    ) | {"PermissionRequest": (f"{url}&approve=3600", 3630)}
    assert "https://crews.example.com/approvals/" in capsys.readouterr().out
    once = file.read_bytes()
    main(["claude-code", "--crew", "site", "--approve", "3600"])
    assert file.read_bytes() == once
    main(["claude-code", "--crew", "site", "--approve", "60", "--settings", str(file)])
    assert b"approve=60" in file.read_bytes()
    main(["claude-code", "--crew", "site"])
    assert b"approve" not in file.read_bytes()
    main(["claude-code", "--undo"])
    assert not file.exists()


@pytest.mark.parametrize("text", ["9", "604801", "1.5", "-10", "soon", "٣٠", "1" * 5000])
def test_seconds_that_the_server_refuses_are_not_written(project, file, capsys, text):
    with pytest.raises(SystemExit):
        main(["claude-code", "--approve", text])
    assert "10 to 604800" in capsys.readouterr().err or text == "-10"
    assert not file.exists()


def test_twice_is_as_once_and_undo_leaves_nothing(project, file, capsys):
    main(["claude-code"])
    once = file.read_bytes()
    main(["claude-code"])
    assert file.read_bytes() == once
    assert main(["claude-code", "--undo"]) == 0
    assert not file.exists()
    assert main(["claude-code", "--undo"]) == 0
    assert "no hooks of CrewOps" in capsys.readouterr().out
    assert list(file.parent.iterdir()) == []


BEFORE = [
    "{}\n",
    '{"model": "opus"}',
    '{\n\t"model": "opus"\n}\n',
    '{ "a" : [1,2 , 3], "text": "\\u00e9 { [ \\" ," }\r\n',
    json.dumps({"hooks": {"Stop": [OTHER], "PreToolUse": [OTHER, OTHER]}, "z": "é"}, indent=4),
    json.dumps({"hooks": {"Stop": [OTHER]}}),
    '{\n  "hooks": {\n    "SessionStart": [ {"hooks": []} ]\n  },\n  "permissions": {"allow": []}\n}\n',
    '{"hooks": {"Stop": [{"hooks": "odd"}, 7, null, {"hooks": [null, {"url": 5}]}]}}',
    '{"hooks": {"Stop": [1]}, "hooks": {"Stop": [2], "Stop": [3]}}',
]


@pytest.mark.parametrize("before", BEFORE, ids=range(len(BEFORE)))
def test_what_was_there_stays_and_undo_gives_the_same_bytes(project, file, before):
    file.parent.mkdir()
    file.write_bytes(before.encode())
    file.chmod(0o644)
    assert main(["claude-code"]) == 0
    was, now = json.loads(before), json.loads(file.read_bytes())
    for name, found in now.pop("hooks").items():
        others = was.get("hooks", {}).get(name, [])
        assert found[: len(others)] == others
        assert len(found) == len(others) + (name in HOOKS)
    was.pop("hooks", None)
    assert now == was
    assert main(["claude-code", "--undo"]) == 0
    assert file.read_bytes() == before.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("seed", range(20))
def test_undo_gives_the_same_text_for_settings_of_any_shape(seed):
    chance = random.Random(seed)
    names = ["a", "hooks", *chance.sample(HOOKS, 3), "Stop"]

    def value(depth: int) -> Any:
        kind = chance.randrange(4 if depth else 2)
        if kind < 2:
            return chance.choice([None, True, 1.5, 'x{[,"\\', "é", ""])
        if kind == 2:
            return [value(depth - 1) for _ in range(chance.randrange(3))]
        return {chance.choice(names): value(depth - 1) for _ in range(chance.randrange(3))}

    settings = {"first": value(3), "second": value(2)}
    if chance.random() < 0.7:
        events = chance.sample([*HOOKS, "SessionStart"], 4)
        settings["hooks"] = {name: [OTHER] * chance.randint(1, 2) for name in events}
    before = json.dumps(settings, indent=chance.choice([None, 1, 2, "\t"]), ensure_ascii=False)
    after = write(before, OURS)
    assert write(after, OURS) == after
    assert {name: hooks_in(after)[name][-1] for name in HOOKS} == OURS
    assert undo(after) == before


def test_another_crew_replaces_the_first():
    other = groups(Settings("http://localhost:8000", "k"), "other", "$CREWOPS_API_KEY")
    text = write(write('{"a": 1}', OURS), other)
    assert text == write('{"a": 1}', other)
    assert "crews.example.com" not in text


def test_a_hook_that_somebody_put_beside_ours_stays():
    settings = json.loads(write("{}", OURS))
    settings["hooks"]["Stop"][0]["hooks"].append(OTHER["hooks"][0])
    settings["hooks"]["PreToolUse"].insert(0, OTHER)
    left = json.loads(undo(json.dumps(settings)))
    assert left == {"hooks": {"PreToolUse": [OTHER], "Stop": [{"hooks": OTHER["hooks"]}]}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{,}", "is no JSON"),
        (b"", "is no JSON"),
        (b'{"a": 1} // mine', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "holds no JSON object"),
        (b'{"hooks": []}', "has `hooks` that are not"),
        (b'{"hooks": {"Stop": {}}}', "has `hooks` that are not"),
        (b"\xff{}", "is not UTF-8"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("option", [[], ["--undo"]])
def test_a_file_that_is_not_understood_is_left_as_it_is(
    project, file, capsys, content, why, option
):
    file.parent.mkdir()
    file.write_bytes(content)
    assert main(["claude-code", *option]) == 1
    said = capsys.readouterr()
    assert why in said.err
    assert str(file.relative_to(project)) in said.err
    assert said.err.count("\n") == 1
    assert file.read_bytes() == content


def test_print_writes_nothing(project, file, capsys):
    assert main(["claude-code", "--print", "--crew", "a-b"]) == 0
    assert len(hooks_in(capsys.readouterr().out)) == len(HOOKS)
    assert list(project.iterdir()) == []


def test_other_settings_take_the_crew_from_each_project(project, tmp_path):
    file = tmp_path / "settings.json"
    link = tmp_path / "link.json"
    link.symlink_to(file)
    file.write_text("{}")
    assert main(["claude-code", "--settings", str(link)]) == 0
    url = hooks_in(file.read_text())["Stop"][0]["hooks"][0]["url"]
    assert url == "https://crews.example.com/api/report/claude-code/"
    assert link.is_symlink()


@pytest.mark.parametrize("ignored", [False, True])
def test_a_key_in_a_file_that_git_would_commit_is_warned_of(project, file, capsys, ignored):
    subprocess.run(["git", "init", "-q"], check=True)
    if ignored:
        Path(".gitignore").write_text("settings.local.json\n")
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o644)
    assert main(["claude-code", "--with-key"]) == 0
    hook = hooks_in(file.read_text())["Stop"][0]["hooks"][0]
    assert hook["headers"] == {"Authorization": "Bearer crewops_secret"}
    assert "allowedEnvVars" not in hook
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = capsys.readouterr()
    assert ("Do not commit it" in said.err) is not ignored
    assert "crewops_secret" not in said.out + said.err


def test_outside_a_repository_there_is_nothing_to_warn_of(project, capsys):
    assert main(["claude-code", "--with-key"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("variable", "options", "why"),
    [
        ("CREWOPS_URL", [], "CREWOPS_URL is not set"),
        ("CREWOPS_API_KEY", [], "CREWOPS_API_KEY is not set"),
        ("", ["--crew", "no slug"], "is no slug"),
        ("", ["--settings", "/proc/none/settings.json"], "none"),
    ],
)
def test_what_cannot_be_done_is_said(project, monkeypatch, capsys, variable, options, why):
    if variable:
        monkeypatch.delenv(variable)
    assert main(["claude-code", *options]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("crewops: ")
    assert why in said.err
    assert list(project.iterdir()) == []


def test_a_full_disk_leaves_the_file_as_it_was(project, file, monkeypatch, capsys):
    file.parent.mkdir()
    file.write_text('{"a": 1}')

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claude_code.os, "replace", full)
    assert main(["claude-code"]) == 1
    assert file.read_text() == '{"a": 1}'
    assert [path.name for path in file.parent.iterdir()] == [file.name]
