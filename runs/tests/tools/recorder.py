"""An emitter that keeps what a tool reports."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runs.tools.base import Pause


@dataclass
class Recorder:
    """Keeps reports in order; `on_output` sees all output so far, `stop` answers `cancelled`."""

    stop: Callable[[], bool] = lambda: False
    on_output: Callable[[str], None] = lambda text: None
    pause: Pause | None = None
    output: str = ""
    messages: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def progress(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str | None = None,
    ) -> None:
        if message is not None:
            self.messages.append(message)
        if progress is not None:
            self.values.append(progress)
        if output:
            self.output += output
            self.on_output(self.output)

    def cancelled(self) -> bool:
        return self.stop()
