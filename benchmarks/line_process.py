"""A program that prints a line of JSON when it is ready, and one for each line of its input."""

import json
import subprocess
from typing import Any, Self

from benchmarks.deployment import Deployment
from benchmarks.processes import PROJECT, python


class LineProcess:
    """Starts the module with its options on the deployment; ends it with the ``with`` block."""

    def __init__(self, deployed: Deployment, module: str, *options: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            python("-m", module, *options),
            cwd=PROJECT,
            env=deployed.environment | {"LOG_LEVEL": "ERROR"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate()

    def ask(self, line: str) -> Any:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> Any:
        """Wait for the next line and return its value. The first one means that it is ready."""
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of {self._module} ended; its output is above.")
        return json.loads(line)
