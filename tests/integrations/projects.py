"""Claude Code and Codex, the real binaries, with a stub model in a project of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from integrations.check import CLIENT, ENVIRONMENTS, check
from integrations.stub_model import Stub

from tests.integrations.programs import Started

MODULES = ENVIRONMENTS / "coding_agents" / "npm" / "node_modules"
CLAUDE = MODULES / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
CODEX = "@openai/codex-linux-x64/vendor/*/bin/codex"
CREW = "release-crew"
SCRIPT = "touch tested && echo all passed"  # of `npm test`
PROMPT = "Run the tests"


class Project:
    """A directory with a package, beside the home of its user and a stub model."""

    def __init__(self, directory: Path, reports: dict[str, str]) -> None:
        if not CLAUDE.exists():
            check("coding_agents")  # installs them
        self.root, self.home = directory / "site", directory / "home"
        self.root.mkdir()
        self.home.mkdir()
        (self.root / "package.json").write_text(json.dumps({"scripts": {"test": SCRIPT}}))
        self.stub = Stub()
        (self.home / "config.toml").write_text(
            'model = "gpt-5.1"\nmodel_provider = "stub"\ncheck_for_update_on_startup = false\n'
            "[analytics]\nenabled = false\n[model_providers.stub]\n"
            f'name = "stub"\nbase_url = "{self.stub.url}/v1"\nwire_api = "responses"\n'
        )
        self._started: list[Started] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CLIENT),
            "HOME": str(self.home),
            "CODEX_HOME": str(self.home),
            "ANTHROPIC_BASE_URL": self.stub.url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            **reports,
        }

    @property
    def tested(self) -> bool:
        """Whether the script of `npm test` was run."""
        return (self.root / "tested").exists()

    def crewops(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "crewops_client.cli", *arguments]

    def write_hooks(self, *options: str) -> None:
        """Let `crewops claude-code` write the hooks, as a user does."""
        command = self.crewops("claude-code", "--crew", CREW, *options)
        about = {"cwd": self.root, "env": self.environment}
        subprocess.run(command, **about, check=True, capture_output=True)

    def claude(self, *options: str, command: str = "npm test") -> list[Any]:
        """The command line of a Claude Code whose model makes one call of a shell."""
        call = ("Bash", {"command": command, "description": PROMPT})
        self.stub.steps = {"main": [{"tools": [call]}]}
        stream = ["--output-format", "stream-json", "--verbose"]
        return [CLAUDE, "-p", PROMPT, *stream, "--model", "claude-sonnet-4-5", *options]

    def codex(self, command: str) -> list[Any]:
        self.stub.steps = {"main": [{"tools": [("exec_command", {"cmd": command})]}]}
        (binary,) = MODULES.glob(CODEX)
        options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return [binary, "exec", "--json", *options, PROMPT]

    def start(self, argv: list[Any]) -> Started:
        """Start it in the project. Its output is not of the project."""
        started = Started(argv, self.home, cwd=self.root, env=self.environment)
        self._started.append(started)
        return started

    def close(self) -> None:
        for each in self._started:
            each.kill()


def tool_result(started: Started) -> dict[str, Any]:
    """What Claude Code has given its model as the result of the one call."""
    text = started.output.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    messages = [line["message"] for line in lines if line["type"] == "user"]
    parts = [part for message in messages for part in message["content"]]
    (result,) = [part for part in parts if part["type"] == "tool_result"]
    return result
