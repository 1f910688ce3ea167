"""The keyboard of `manage.py watch run`, what it types, its signals, and the lines below the run."""

import io
import os
import signal
import termios
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from rich.console import Console

from realtime.terminal.ending import ENDING, ending_in_order
from realtime.terminal.keyboard import SIZE, Keyboard, terminal_of
from realtime.terminal.questions import DOWN, SHOWN_CHARS, TEXT_LIMITS, UP, Prompt, keys_of
from realtime.terminal.screen_fit import Fitted


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("pq", ["p", "q"]),
        ("\x1b", ["\x1b"]),
        ("\x1b[D\x1b[1;5Cp", ["p"]),
        ("\x1bOA\x1b[5~\x1bOPm", [UP, UP, "m"]),
        ("\x1b[B\x1bOB\x1b[6~", [DOWN] * 3),
        ("\x1bc", []),  # Alt and c
        ("\x1b\x1b", ["\x1b", "\x1b"]),
        ("é\n", ["é", "\n"]),
        ("", []),
    ],
)
def test_a_key_that_sends_a_sequence_is_not_taken_for_escape_and_letters(typed, keys):
    assert list(keys_of(typed)) == keys


def test_a_text_is_edited_and_has_a_limit():
    prompt = Prompt("message")
    for key in [*"abc\x7f\bd\te\x00f", UP]:
        prompt.type(key)
    assert prompt.text == "adef"
    prompt.type("\x15")
    assert prompt.text == ""
    for _ in range(TEXT_LIMITS["message"] + 5):
        prompt.type("x")
    assert len(prompt.text) == TEXT_LIMITS["message"]
    line = prompt.line().plain
    assert f"…{'x' * SHOWN_CHARS}▏" in line
    assert "4000 characters, the most" in line


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The person's end of a terminal and the program's."""
    ours, its = os.openpty()
    yield ours, its
    os.close(ours)
    os.close(its)


def test_keys_are_read_at_once_without_echo_and_whole(terminal):
    ours, its = terminal
    with Keyboard(its) as keyboard:
        assert keyboard.read(0.01) == ""
        os.write(ours, b"p")
        assert keyboard.read(30) == "p"
        os.write(ours, "é".encode()[:1])
        assert keyboard.read(30) == ""
        os.write(ours, "é".encode()[1:])
        assert keyboard.read(30) == "é"
        os.write(ours, b"x" * 3000)
        assert keyboard.read(30) == "x" * 3000
        os.write(ours, b"typed ahead")
        keyboard.forget()
        os.write(ours, b"y")
        assert keyboard.read(30) == "y"
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_modes_are_restored_after_an_exception(terminal, error):
    _, its = terminal
    before, on_stop = termios.tcgetattr(its), signal.getsignal(signal.SIGTSTP)
    with pytest.raises(error), Keyboard(its):
        assert termios.tcgetattr(its) != before
        raise error
    assert termios.tcgetattr(its) == before
    assert signal.getsignal(signal.SIGTSTP) == on_stop


def test_the_size_is_that_of_the_terminal(terminal, monkeypatch):
    ours, its = terminal
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "100")
    assert Keyboard(its).size == SIZE  # it does not know its own
    termios.tcsetwinsize(ours, (10, 40))
    assert Keyboard(its).size == (40, 10)


def test_a_terminal_that_has_gone_has_no_keys(terminal):
    ours, its = os.openpty()
    with Keyboard(its) as keyboard:
        os.close(ours)
        assert keyboard.read(30) == ""
        assert keyboard.read(0.01) == ""
    os.close(its)


def test_only_a_terminal_that_is_both_ends_gives_keys(terminal, tmp_path):
    _, its = terminal
    at_terminal = SimpleNamespace(fileno=lambda: its, isatty=lambda: True)
    assert terminal_of(at_terminal, at_terminal) == its
    with (tmp_path / "keys").open("w+") as file:
        for stdin, stdout in (
            (at_terminal, file), (file, at_terminal), (None, at_terminal),
            (io.StringIO(), at_terminal), (at_terminal, io.StringIO()),
        ):  # fmt: skip
            assert terminal_of(stdin, stdout) is None
    assert terminal_of(file, at_terminal) is None  # closed


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_ends_the_program_lets_it_clean_up(number):
    before = signal.getsignal(number)
    assert before == signal.SIG_DFL
    with pytest.raises(SystemExit) as ended, ending_in_order():
        signal.raise_signal(number)
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
    try:
        with ending_in_order():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(("lines", "shown"), [(3, "0\n1\n2\nkeys\n"), (9, "0\n1\n…\nkeys\n")])
def test_the_lines_below_are_always_on_the_screen(lines, shown):
    console = Console(file=io.StringIO(), width=20, height=4)
    console.print(Fitted("\n".join(map(str, range(lines))), "keys"))
    assert console.file.getvalue() == shown
