"""The contract every tool keeps. A new tool is one new file: see docs/adding-a-tool.md.

Nothing here imports a model, so steps can be validated before the application registry is ready.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Protocol

from django.conf import settings
from rest_framework import serializers

CHECKOUT = "repo"  # where git_clone puts its clone and where later steps start


class Status(StrEnum):
    """How a tool ended; the values of ``tool_end.status``."""

    SUCCESS = "success"
    ERROR = "error"
    COMPLETED_WITH_ERRORS = "completed_with_errors"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool call came to. ``exit_code`` is None when no process told one. ``made`` is a directory
    of the workspace that did not exist before: it is removed when a retry repeats the task.
    """

    status: Status
    exit_code: int | None = None
    message: str = ""
    made: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """What the name of a secret stands for while a tool runs; for `host` and nobody else."""

    name: str
    host: str  # host or host:port
    username: str
    password: str = field(repr=False)


class Emitter(Protocol):
    """What a running tool reports to."""

    def progress(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str | None = None,
    ) -> None:
        """Report any of: what is going on, how far (0..1), output since the last call."""

    def cancelled(self) -> bool:
        """Whether to stop now. Cheap; call it at least five times a second while working:
        each call also hands on what was reported and is due."""


class Params(serializers.Serializer):
    """Parameters of a tool. Like any serializer, but a parameter it does not know is refused."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and (
            unknown := [key for key in data if key not in self.fields]
        ):
            known = ", ".join(self.fields) or "none"
            raise serializers.ValidationError(
                {str(key): [f"Unknown parameter. Known: {known}."] for key in unknown}
            )
        return super().to_internal_value(data)


class RelativePath(serializers.CharField):
    """A path below the workspace (or below a directory in it), as written in a step."""

    default_error_messages = {
        "path": "Write a relative path that stays inside the workspace, such as src/tests.",
    }

    def to_internal_value(self, data: Any) -> str:
        path = PurePosixPath(value := super().to_internal_value(data))
        if path.is_absolute() or ".." in path.parts or value.startswith("-") or "\0" in value:
            self.fail("path")
        return value


class SecretName(serializers.SlugField):
    """The name of a secret of the organization. `Tool.run` gets the `Credential` in its place."""


class NetworkSwitch(serializers.BooleanField):
    """Whether the step wants the network, which an administrator must have allowed."""

    default_error_messages = {
        "forbidden": "Steps get no network here; an administrator can set TOOLS_ALLOW_NETWORK.",
    }

    def to_internal_value(self, data: Any) -> bool:
        if (wanted := super().to_internal_value(data)) and not settings.TOOLS_ALLOW_NETWORK:
            self.fail("forbidden")
        return wanted


class Tool(ABC):
    """One kind of work an agent can do. Stateless: one instance serves every run."""

    name: ClassVar[str]
    params: ClassVar[type[Params]]
    time_limit_s: ClassVar[float] = 600.0

    @abstractmethod
    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        """Do the work in `workspace`. `params` have passed `clean`. Everything that can go wrong
        in the work itself is an Outcome; an exception is a bug in the tool."""

    def clean(self, params: Any) -> dict[str, Any]:
        """The validated parameters, defaults filled in; raises DRF's ValidationError."""
        serializer = self.params(data=params)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def destination(self, params: dict[str, Any]) -> str:
        """Where a call with these clean `params` sends the secrets they name: ``host`` or, with a
        port that is not https' own, ``host:port``. A tool that takes secrets says it."""
        raise NotImplementedError

    @property
    def time_limit(self) -> float:
        """Seconds one call may take; ``TOOLS_TIME_LIMITS_S = {name: seconds}`` overrides the class."""
        return float(settings.TOOLS_TIME_LIMITS_S.get(self.name, self.time_limit_s))


def working_directory(workspace: Path, directory: str | None = None) -> Path:
    """Where a step works: `directory` of the workspace, by default the checkout if there is one.

    Raises NotADirectoryError with a message for the user when it is missing or, through a symbolic
    link, outside the workspace.
    """
    root = workspace.resolve()
    if directory is None:
        directory = CHECKOUT if (root / CHECKOUT).is_dir() else "."
    path = (root / directory).resolve()
    if not path.is_relative_to(root) or not path.is_dir():
        raise NotADirectoryError(f"There is no directory {directory!r} in the workspace.")
    return path
