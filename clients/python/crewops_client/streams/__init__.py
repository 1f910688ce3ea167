"""Map the standard output of coding agents, line by line, to events of their run.

A mapper stores only its state after the lines so far. It reads no clock and sends nothing.
"""

from collections.abc import Callable

from .base import Mapper
from .claude_code import ClaudeCode
from .codex import Codex

MAPPERS: dict[str, Callable[..., Mapper]] = {"claude-code": ClaudeCode, "codex": Codex}
__all__ = ["MAPPERS", "Mapper"]
