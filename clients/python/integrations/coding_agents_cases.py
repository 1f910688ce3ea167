"""Claude Code and Codex with a stub model: writes what they print and what their hooks send.

For `check.py` it writes only what comes of that, as events. Look at each difference before you
check it in. Needs npm, and Linux on x86-64.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stub_model import SUB, Step, Stub

from crewops_client.claude_code_settings import HOOKS
from crewops_client.streams import MAPPERS

HERE = Path(__file__).resolve().parent
STREAMS = HERE.parent / "tests" / "sdk" / "vectors" / "streams"
HOOK_VECTORS = HERE.parents[2] / "runs" / "tests" / "reporting" / "vectors"
INIT = ("type", "subtype", "cwd", "session_id", "model", "claude_code_version", "permissionMode")
VERSIONS = {"claude-code": "2.1.332", "codex": "0.171.0"}
PACKAGES = ("@anthropic-ai/claude-code-linux-x64@2.1.332", "@openai/codex@0.171.0")
CHECKED = os.environ.get("VECTORS")  # where check.py wants the events

EXPLORE = {"description": "sub job", "prompt": SUB, "subagent_type": "Explore"}
CLAUDE: dict[str, dict[str, list[Step]]] = {
    "refused": {"main": [
        {"tools": [("Bash", {"command": "touch refused.txt", "description": "refused"})]},
        {"tools": [("Read", {"file_path": "a.txt"}), ("Nope", {"x": 1})]},
        {"tools": [("Bash", {"command": "echo ok; exit 3", "description": "allowed"})]},
    ]},
    "failed": {"main": [
        {"tools": [("Bash", {"command": "echo before", "description": "allowed"})]},
        {"error": 400},
    ]},
    "interrupted": {"main": [
        {"tools": [("Bash", {"command": "touch began; sleep 20", "description": "s"})]},
    ]},
    "foreground-subagent": {
        "main": [{"tools": [
            ("Agent", {**EXPLORE, "run_in_background": False}),
            ("Agent", {"description": "odd job", "prompt": "x", "subagent_type": "nobody"}),
        ]}],
        "sub": [{"tools": [("Bash", {"command": "echo sub", "description": "s"})]}],
    },
}  # fmt: skip
PATCH = "apply_patch <<EOF\n*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\nEOF"
CODEX: dict[str, list[Step]] = {
    "failed": [{"tools": [("exec_command", {"cmd": "echo before"})]}, {"error": 400}],
    "file-change": [{"tools": [("exec_command", {"cmd": PATCH})]}],
    "resumed": [],
}


def result(source: str, name: str, lines: list[Any], hooks: list[Any], root: Path) -> Step:
    """The case as check.py compares it, with paths that stand for any machine's."""
    title = f"{source}-{VERSIONS[source]}.{name}"
    lines = [
        {key: line[key] for key in INIT if key in line} if line.get("subtype") == "init" else line
        for line in lines
    ]
    streamed, hooked = (_placed(each, root) for each in (lines, hooks))
    if not CHECKED:
        (STREAMS / f"{title}.jsonl").write_text(streamed)
        if hooks:
            (HOOK_VECTORS / f"{title}.hooks.jsonl").write_text(hooked)
    mapper = MAPPERS[source]("main", "task", "", ())
    events = [
        {"type": kind, **fields}
        for line in streamed.splitlines()
        for kind, fields in mapper.feed(json.loads(line))
    ]
    events += [{"type": "hook", "name": hook["hook_event_name"]} for hook in hooks]
    return {"case": title, "events": events}


def _placed(lines: list[Any], root: Path) -> str:
    text = "".join(
        json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines
    )
    dashed = re.sub(r"[/._]", "-", str(root))
    text = text.replace(f"{root}/home", "/home/dev").replace(str(root), "/home/dev")
    return text.replace(dashed, "-home-dev").replace(f"/tmp/claude-{os.getuid()}", "/run/claude")


def claude(binary: Path, stub: Stub, root: Path, name: str, environment: dict[str, str]) -> Step:
    stub.steps, stub.hooks = CLAUDE[name], []
    hook = [{"hooks": [{"type": "http", "url": f"{stub.url}/hook", "timeout": 5}]}]
    settings = root / "settings.json"
    settings.write_text(json.dumps({"hooks": dict.fromkeys(HOOKS, hook)}))
    process = subprocess.Popen(
        [binary, "-p", "do it", "--settings", settings, "--output-format", "stream-json",
         "--verbose", "--model", "claude-sonnet-4-5", "--allowedTools",
         "Bash(echo *)", "Bash(touch began)", "Bash(sleep *)", "Read"],
        cwd=root / "project", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    if name == "interrupted":
        until = time.monotonic() + 30
        while not any(h["hook_event_name"] == "PreToolUse" for h in stub.hooks):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(1)  # so that the command runs
        process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=90)
    lines = [json.loads(each) for each in out.splitlines()]
    return result("claude-code", name, lines, stub.hooks, root)


def codex(binary: Path, stub: Stub, root: Path, name: str, environment: dict[str, str]) -> Step:
    resumed = ["resume", "--last"] if name == "resumed" else []
    stub.steps = {"main": CODEX[name]}
    ran = subprocess.run(
        [binary, "exec", *resumed, "--json", "--skip-git-repo-check",
         "--dangerously-bypass-approvals-and-sandbox", "do it"],
        cwd=root / "project", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        check=False, timeout=90,
    )  # fmt: skip
    lines = [json.loads(each) for each in ran.stdout.splitlines()]
    return result("codex", name, lines, [], root)


def main() -> None:
    home = Path(sys.prefix) / "npm"
    if not (home / "node_modules").exists():
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([*npm, "--prefix", home, *PACKAGES], check=True)
    modules, stub, cases = home / "node_modules", Stub(), []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "project").mkdir()
        (root / "home").mkdir()
        (root / "project" / "a.txt").write_text("hello\n")
        (root / "home" / "config.toml").write_text(
            'model = "gpt-5.1"\nmodel_provider = "stub"\ncheck_for_update_on_startup = false\n'
            "[analytics]\nenabled = false\n[model_providers.stub]\n"
            f'name = "stub"\nbase_url = "{stub.url}/v1"\nwire_api = "responses"\n'
        )
        environment = {"PATH": os.environ["PATH"], "HOME": str(root / "home")}
        environment |= {"CODEX_HOME": str(root / "home"), "ANTHROPIC_BASE_URL": stub.url}
        environment |= {"ANTHROPIC_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
        environment |= {"no_proxy": "127.0.0.1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        for name in CLAUDE:
            binary = modules / "@anthropic-ai" / "claude-code-linux-x64" / "claude"
            cases.append(claude(binary, stub, root, name, environment))
        (binary,) = modules.glob("@openai/codex-linux-x64/vendor/*/bin/codex")
        for name in ("file-change", "resumed", "failed"):
            cases.append(codex(binary, stub, root, name, environment))
    written = json.dumps({"versions": VERSIONS, "cases": cases}, separators=(",", ":"))
    path = Path(CHECKED or STREAMS.parent) / "coding_agents.json"
    path.write_text(written.replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
