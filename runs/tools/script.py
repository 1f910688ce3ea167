"""The `script` tool: a few lines of bash or Python."""

import re
from pathlib import Path
from typing import Any

from rest_framework import serializers

from runs.tools import box, process
from runs.tools.base import (
    NETWORK,
    WHERE,
    Emitter,
    NetworkSwitch,
    Outcome,
    Params,
    RelativePath,
    Status,
    Tool,
    working_directory,
)

MAX_LAST_CHARS = 2000
# Messages of curl, Python, Node and others when no name can be resolved.
NO_NETWORK = re.compile(
    r"Could not resolve host|Temporary failure in name resolution|Name or service not known"
    r"|getaddrinfo E(?:AI_AGAIN|NOTFOUND)|Network is unreachable"
)
MAX_CODE_CHARS = 64 * 1024  # one argument of a command may be 128 KiB (Linux, MAX_ARG_STRLEN)


class ScriptParams(Params):
    interpreter = serializers.ChoiceField(
        choices=["bash", "python"],
        error_messages={"invalid_choice": '"{input}" is not there. Choose bash or python.'},
    )
    code = serializers.CharField(
        max_length=MAX_CODE_CHARS, trim_whitespace=False, help_text="Exit code 0 is success."
    )
    directory = RelativePath(required=False, help_text=WHERE)
    network = NetworkSwitch(required=False, default=False, help_text=NETWORK)


class Script(Tool):
    """Runs `code`, from the checkout if there is one. Exit code 0 is success, others are errors."""

    name = "script"
    params = ScriptParams

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        try:
            cwd = working_directory(workspace, params.get("directory"))
        except NotADirectoryError as error:
            return Outcome(Status.ERROR, message=str(error))
        last = Last()
        finished = process.run(
            _argv(params["interpreter"], params["code"]),
            workspace=workspace,
            cwd=cwd,
            network=params["network"],
            emitter=emitter,
            time_limit=self.time_limit,
            on_output=last.read,
        )
        if finished.fault:
            return Outcome(Status.ERROR, finished.exit_code, finished.fault)
        if finished.exit_code == 0:
            return Outcome(Status.SUCCESS, 0)
        message = f"The script ended with {process.in_words(finished.exit_code)}."
        alone = box.tier().is_sandbox and not params["network"]
        if alone and NO_NETWORK.search(last.text):
            message += ' This step has no network: "network": true asks for it.'
        return Outcome(Status.ERROR, finished.exit_code, message)


class Last:
    """Keeps the end of the script's output."""

    def __init__(self) -> None:
        self.text = ""

    def read(self, text: str) -> None:
        self.text = (self.text + text)[-MAX_LAST_CHARS:]


def _argv(interpreter: str, code: str) -> list[str]:
    if interpreter == "bash":
        return ["bash", "--noprofile", "--norc", "-c", code]
    return [box.python(), "-u", "-c", code]
