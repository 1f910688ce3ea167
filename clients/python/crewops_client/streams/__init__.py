"""What coding agents write on their standard output, line by line, as events of their run.

A mapper keeps what it has seen so far, and nothing else: it reads no clock and sends nothing.
"""

from collections.abc import Callable

from .base import Mapper
from .claude_code import ClaudeCode
from .codex import Codex

MAPPERS: dict[str, Callable[..., Mapper]] = {"claude-code": ClaudeCode, "codex": Codex}
__all__ = ["MAPPERS", "Mapper"]
