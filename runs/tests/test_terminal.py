"""The text of an output as a terminal ends up."""

import json
import time
from pathlib import Path

import pytest

from runs.pages import terminal
from runs.pages.terminal import EMULATED_CHARS, settled

VECTORS = json.loads((Path(__file__).parent / "output/vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_an_output_is_what_the_page_shows(vector):
    lines = [line.rstrip(" ") for line in vector["lines"]]
    assert settled(vector["output"]).expandtabs().rstrip("\n").split("\n") == lines


def test_lines_that_have_scrolled_off_are_kept():
    lines = [f"line {number}" for number in range(500)]
    assert settled("\b" + "\n".join(lines)).split("\n") == lines


def test_an_output_without_controls_is_not_emulated(monkeypatch):
    monkeypatch.setattr(terminal.pyte, "Stream", None)
    assert settled("one\r\ntwo\n") == "one\ntwo\n"


def test_the_end_of_a_long_output_is_emulated_and_its_beginning_is_read_as_text():
    long = "\x1b[31mred\x1b[m\n" * 10_000
    lines = settled(long + "half\rdone").split("\n")
    assert len(lines) == 10_001
    assert lines[0] == lines[9_999] == "red"
    assert lines[-1] == "done"


def test_characters_without_a_width_hide_nothing():
    assert settled("\x1b[Ka\u200bb\ufe0fc\u200d\x01d\n").rstrip() == "abcd"


def test_the_alternate_screen_is_left_out_when_it_was_left():
    assert settled("one\n\x1b[?1049heditor\x1b[?1049ltwo") == "one\ntwo"
    assert settled("one\n\x1b[?1049hstill\nthere") == "one\n\nstill\nthere"


@pytest.mark.parametrize(
    "sequence",
    [
        *("\x1b[9999999L", "\x1b[9999999M", "\x1b[9999999@", "\x1b[9999999P", "\x1b[9999999X"),
        *("\x1b[2J", "\x1b[J", "\x1b[K", "\x1b[9999999;9999999Hx", "\n", "\x1bM", "x\x1b[9b"),
        *("\x1b[?1049h\x1b[?1049l", "\x1b]", "\x1b]0;title\x07", "\x1b[", "\x1bP", "\x1b[?1A"),
        *("\x1b\x1b[c[?1A", "\x1b\x90[?5n", f"\x1b[{'9' * 5_000}A", "\x1b[38;5m", "\x1b#8"),
        *("\x1b[3;9r\n", "\x1b[999;1r", "日", "e\u0301", "\x1b[4h", "\t", "\b"),
    ],
)
def test_hostile_output_is_read_in_bounded_time(sequence):
    began = time.thread_time()
    text = settled("before\n" + sequence * (2 * EMULATED_CHARS // len(sequence)))
    # Half a second at most; without bounds, some take a minute.
    assert time.thread_time() - began < 15
    assert "\x1b" not in text
    assert len(text) <= 2 * EMULATED_CHARS + terminal.ROWS * terminal.COLUMNS
