"""Log lines: JSON for machines, with the ids of the user and the objects, or plain for people.

Values bound with ``structlog.contextvars`` (``request_id``, ``user_id``, ``run_id``, ``crew_id``,
``organization_id``) are part of every JSON line of that context. Neither format shows a secret that
can be recognized by its form: the finished text is redacted like a tool's output.
"""

import logging
import logging.config
import os
import sys
import threading
from types import TracebackType
from typing import Any

from django.core.exceptions import PermissionDenied
from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from runs.execution.redaction import redact

# Fields that a log call may add with ``extra``. Others are dropped: Django passes whole requests.
EXTRA = ("method", "path", "status", "duration_ms", "code", "seconds")
# Under the supervisor all processes write to the same output, so each line names its process.
PROCESS = os.environ.get("SUPERVISOR_PROCESS_NAME", "")

logger = logging.getLogger(__name__)


def configure(config: dict[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG``. With JSON, warnings and uncaught exceptions are lines, too."""
    logging.config.dictConfig(config)
    if "json" in config["root"]["handlers"]:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


class Refusals(logging.Filter):
    """Leaves out the traceback of a refusal (403), which is an answer and no defect."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


class LineFormatter(logging.Formatter):
    """``time process LEVEL logger: message``, with the traceback on the lines that follow."""

    def __init__(self) -> None:
        process = f"{PROCESS:9} ".lstrip()
        super().__init__(f"{{asctime}} {process}{{levelname:7}} {{name}}: {{message}}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def json_formatter() -> ProcessorFormatter:
    """One JSON object per line; a traceback is the text ``exception``."""
    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder(EXTRA), merge_contextvars],
        processors=[
            TimeStamper(fmt="iso", utc=True),
            format_exc_info,  # as text: structlog's other format shows local variables
            _shape,
            JSONRenderer(default=str, ensure_ascii=False),
        ],
    )


def _shape(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    record = event.pop("_record")
    del event["_from_structlog"]
    shaped = {
        "timestamp": event.pop("timestamp"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": redact(event.pop("event")),
        "process": PROCESS or record.processName,
        "pid": record.process,
    }
    if "exception" in event:
        event["exception"] = redact(event["exception"])
    return shaped | {key: value for key, value in event.items() if value is not None}


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("The process ends: %s", error, exc_info=(kind, error, trace))


def _uncaught_in_thread(unhandled: threading.ExceptHookArgs) -> None:
    trace = (unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback)
    logger.critical("A thread ended: %s", unhandled.exc_value, exc_info=trace)
