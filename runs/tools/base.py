"""The interface of every tool. A new tool is one new file: see docs/adding-a-tool.md.

This module imports no model, so steps can be validated before the application registry is ready.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Protocol

from django.conf import settings
from rest_framework import serializers

CHECKOUT = "repo"  # default directory of git_clone, and where later steps start
# What parameters that several tools have are for. The editor shows it beside the field.
WHERE = f"Where it runs. Empty: {CHECKOUT} if an earlier step has made it, else the workspace."
NETWORK = "The step may connect to other machines, where the administrator allows it."


class Status(StrEnum):
    """How a tool ended: the values of ``tool_end.status``."""

    SUCCESS = "success"
    ERROR = "error"
    COMPLETED_WITH_ERRORS = "completed_with_errors"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a tool call.

    ``exit_code`` is None if no process returned one. ``made`` is a directory of the workspace that
    did not exist before. It is removed when a retry repeats the task.
    """

    status: Status
    exit_code: int | None = None
    message: str = ""
    made: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """The value of a secret while a tool runs. It is for `host` only."""

    name: str
    host: str  # host or host:port
    username: str
    password: str = field(repr=False)


class Pause(Protocol):
    """The pause of a run, for a tool that can stop in the middle of its work."""

    def requested(self) -> bool:
        """Return whether the run is to be paused now. Cheap."""

    def report(self, paused: bool) -> bool:
        """Report that the work has stopped, or that it is about to continue.

        Returns whether the run is paused (``paused``), or may continue (not ``paused``).
        """


class Emitter(Protocol):
    """Receives the reports of a running tool."""

    pause: Pause | None

    def progress(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str | None = None,
    ) -> None:
        """Report any of: a message, the progress (0..1), the output since the last call."""

    def cancelled(self) -> bool:
        """Return whether to stop now.

        The call is cheap. Make it at least five times a second while working: each call also emits
        reports that are due.
        """


class StrictSerializer(serializers.Serializer):
    """Refuses keys that it does not know."""

    unknown_message = "Unknown key. Known: {known}."

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and (
            unknown := [key for key in data if key not in self.fields]
        ):
            message = self.unknown_message.format(known=", ".join(self.fields) or "none")
            raise serializers.ValidationError({str(key): [message] for key in unknown})
        return super().to_internal_value(data)


class Params(StrictSerializer):
    """Parameters of a tool."""

    unknown_message = "Unknown parameter. Known: {known}."


class RelativePath(serializers.CharField):
    """A path in a step, relative to the workspace or to a directory in it."""

    default_error_messages = {
        "path": "Write a relative path that stays inside the workspace, such as src/tests.",
    }

    def to_internal_value(self, data: Any) -> str:
        path = PurePosixPath(value := super().to_internal_value(data))
        if path.is_absolute() or ".." in path.parts or value.startswith("-") or "\0" in value:
            self.fail("path")
        return value


class SecretName(serializers.SlugField):
    """The name of a secret of the organization. `Tool.run` gets the `Credential` instead of it."""


class NetworkSwitch(serializers.BooleanField):
    """Whether the step needs the network. An administrator must have allowed it."""

    default_error_messages = {
        "forbidden": "Steps get no network here; an administrator can set TOOLS_ALLOW_NETWORK.",
    }

    def to_internal_value(self, data: Any) -> bool:
        if (wanted := super().to_internal_value(data)) and not settings.TOOLS_ALLOW_NETWORK:
            self.fail("forbidden")
        return wanted


class Tool(ABC):
    """One kind of work an agent can do. It has no state: one instance serves every run."""

    name: ClassVar[str]
    params: ClassVar[type[Params]]
    time_limit_s: ClassVar[float] = 600.0

    @abstractmethod
    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        """Do the work in `workspace`. `params` have passed `clean`.

        Every failure of the work itself is an Outcome. An exception is a bug in the tool.
        """

    def clean(self, params: Any) -> dict[str, Any]:
        """Return the validated parameters with defaults. Raises DRF's ValidationError."""
        serializer = self.params(data=params)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def destination(self, params: dict[str, Any]) -> str:
        """Return where a call with these clean `params` sends the secrets that they name.

        It is ``host``, or ``host:port`` if the port is not the one of https. A tool that takes
        secrets implements this.
        """
        raise NotImplementedError

    @property
    def time_limit(self) -> float:
        """Seconds one call may take; ``TOOLS_TIME_LIMITS_S = {name: s}`` overrides the class."""
        return float(settings.TOOLS_TIME_LIMITS_S.get(self.name, self.time_limit_s))


def working_directory(workspace: Path, directory: str | None = None) -> Path:
    """Return the directory a step works in: `directory`, by default the checkout if there is one.

    Raises NotADirectoryError with a message for the user if the directory is missing or, through a
    symbolic link, outside the workspace.
    """
    root = workspace.resolve()
    if directory is None:
        directory = CHECKOUT if (root / CHECKOUT).is_dir() else "."
    path = (root / directory).resolve()
    if not path.is_relative_to(root) or not path.is_dir():
        raise NotADirectoryError(f"There is no directory {directory!r} in the workspace.")
    return path
