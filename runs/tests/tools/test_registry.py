"""Looking tools up, refusing bad steps, adding a tool."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from rest_framework import serializers

from runs import tools
from runs.tools import Emitter, Outcome, Params, Status, Tool, validate_steps

GOOD = {"tool": "script", "params": {"interpreter": "bash", "code": "ls"}}


def faults(steps: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        validate_steps(steps)
    return error.value.messages


def test_good_steps():
    validate_steps([])
    validate_steps([GOOD, {"tool": "pytest"}, {"tool": "pytest", "params": {"args": ["-q"]}}])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("ls", 'Step 2: write {"tool": name, "params": {...}}.'),
        ({"params": {}}, 'Step 2: write {"tool": name, "params": {...}}.'),
        (
            {"tool": "make"},
            "Step 2: There is no tool 'make'. Choose one of: git_clone, pytest, script.",
        ),
        (
            {"tool": "pytest", "parms": {}},
            "Step 2 (pytest): unknown key parms; a step has tool and params.",
        ),
        (
            {"tool": "pytest", "params": {"args": "-q"}},
            'Step 2 (pytest): args: Expected a list of items but got type "str".',
        ),
        (
            {"tool": "pytest", "params": {"args": ["-q", {}]}},
            "Step 2 (pytest): args[1]: Not a valid string.",
        ),
        (
            {"tool": "pytest", "params": {"paht": "x"}},
            "Step 2 (pytest): paht: Unknown parameter. Known: path, args, directory, network.",
        ),
        (
            {"tool": "pytest", "params": []},
            "Step 2 (pytest): Invalid data. Expected a dictionary, but got list.",
        ),
        (
            {"tool": "script", "params": {"interpreter": "bash"}},
            "Step 2 (script): code: This field is required.",
        ),
        (
            {"tool": "script", "params": {"interpreter": "perl", "code": "x"}},
            'Step 2 (script): interpreter: "perl" is not there. Choose bash or python.',
        ),
        (
            {"tool": "script", "params": {"interpreter": "bash", "code": "x" * 65537}},
            "Step 2 (script): code: Ensure this field has no more than 65536 characters.",
        ),
        (
            {"tool": "pytest", "params": {"network": True}},
            "Step 2 (pytest): network: Steps get no network here; "
            "an administrator can set TOOLS_ALLOW_NETWORK.",
        ),
        (
            {"tool": "git_clone", "params": {"url": "https://github.com/a/b", "depth": 0}},
            "Step 2 (git_clone): depth: Ensure this value is greater than or equal to 1.",
        ),
    ],
)
def test_a_fault_names_step_and_parameter(step, message):
    assert faults([GOOD, step]) == [message]


@pytest.mark.parametrize("path", ["/etc", "..", "a/../../b", "-c", "a\0b"])
def test_a_path_that_leads_out_is_refused(path):
    step = {"tool": "script", "params": GOOD["params"] | {"directory": "a/b"}}
    validate_steps([step])
    step["params"]["directory"] = path
    (fault,) = faults([step])
    assert fault.startswith("Step 1 (script): directory: ")


def test_every_fault_is_reported():
    assert len(faults([{"tool": "script"}, {"tool": "make"}])) == 3


def test_steps_are_a_list_of_fifty_at_most():
    assert faults({"tool": "script"})[0].startswith("Steps must be a list")
    validate_steps([GOOD] * 50)
    assert faults([GOOD] * 51) == ["At most 50 steps; these are 51."]


def test_an_unknown_tool():
    with pytest.raises(LookupError, match="There is no tool 'make'"):
        tools.get("make")


class WordCountParams(Params):
    text = serializers.CharField(max_length=10_000)


class WordCount(Tool):
    """A tool as docs/adding-a-tool.md describes it."""

    name = "word_count"
    params = WordCountParams

    def run(self, params: dict[str, Any], workspace: Path, emitter: Emitter) -> Outcome:
        words = params["text"].split()
        for number, word in enumerate(words, start=1):
            if emitter.cancelled():
                return Outcome(Status.ERROR, message="Cancelled.")
            emitter.progress(progress=number / len(words), output=f"{word}\n")
        return Outcome(Status.SUCCESS, message=f"{len(words)} words.")


def test_adding_a_tool_is_one_class_and_one_line(monkeypatch, workspace, emitter):
    assert "word_count" in faults([{"tool": "word_count"}])[0]
    monkeypatch.setitem(tools.REGISTRY, WordCount.name, WordCount())
    validate_steps([{"tool": "word_count", "params": {"text": "one two"}}])
    assert faults([{"tool": "word_count"}]) == [
        "Step 1 (word_count): text: This field is required."
    ]
    tool = tools.get("word_count")
    outcome = tool.run(tool.clean({"text": "one two"}), workspace, emitter)
    assert outcome == Outcome(Status.SUCCESS, message="2 words.")
    assert (emitter.output, emitter.values) == ("one\ntwo\n", [0.5, 1.0])


def test_the_network_where_it_is_allowed(settings):
    settings.TOOLS_ALLOW_NETWORK = True
    validate_steps([{"tool": "pytest", "params": {"network": True}}])


def test_time_limits_by_setting(settings):
    assert tools.get("pytest").time_limit == 600
    settings.TOOLS_TIME_LIMITS_S = {"pytest": 5}
    assert (tools.get("pytest").time_limit, tools.get("script").time_limit) == (5, 600)


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"tool": "pytest", "params": {"args": ["--maxfail", 1]}}, "args[1]"),
        ({"tool": "pytest", "params": {"path": 1.5}}, "path"),
        ({"tool": "git_clone", "params": {"url": "https://github.com/a/b", "branch": 1}}, "branch"),
    ],
)
def test_a_number_is_no_text_but_where_it_was_stored_before(step, place):
    fault = f"Step 1 ({step['tool']}): {place}: This is text. Write it in quotes."
    assert faults([step]) == [fault]
    validate_steps([step], is_stored=True)
