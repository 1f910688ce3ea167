"""What a YAML file may hold, and what the message says where it holds something else."""

import pytest

from runs.crew_files.checking import check, load
from runs.crew_files.faults import InvalidDescription
from runs.crew_files.reading import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read

CREW = """\
organization: acme
slug: release
name: Release
agents:
  - slug: orion
    name: Orion
tasks:
  - name: Fetch
    agent: orion
    steps:
      - tool: git_clone
        params:
          url: https://github.com/a/b
  - name: Report
    agent: orion
    continue_on_error: true
    steps:
      - tool: script
        params:
          interpreter: bash
          code: echo hello
"""


def faults(text: str | bytes) -> list[str]:
    try:
        load(text)
    except InvalidDescription as refused:
        return [str(fault) for fault in refused.faults]
    return []


def test_a_crew_is_read_with_its_defaults():
    found = check(read(CREW)[0])
    assert found["description"] == ""
    assert found["is_active"] is True
    assert found["max_active_runs"] is None
    assert found["max_parallel"] == 1
    assert [task["after"] for task in found["tasks"]] == [[], []]
    assert found["agents"] == [{"slug": "orion", "name": "Orion", "role": ""}]
    assert [task["continue_on_error"] for task in found["tasks"]] == [False, True]
    assert found["tasks"][1]["steps"][0]["params"]["code"] == "echo hello"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("slug: release", "slug: a b", "line 2: slug: Enter a valid"),
        ("name: Release", "name: 2024", "line 3: name: This is text. Write it in quotes."),
        ("name: Release", "", "name: This field is required."),
        ("name: Release", "nane: R", "line 3: nane: Unknown key. Known: organization, slug, name"),
        ("agents:", "agents: 3\nothers:", "others: Unknown key"),
        ("    name: Orion", "    name: ''", "line 6: agents[0].name: This field may not be blank."),
        ("    name: Orion", "    name: Orion\n    age: 3", "line 7: agents[0].age: Unknown key"),
        ("agent: orion", "agent: vega", "line 9: tasks[0].agent: The crew has no such agent. It has"),
        ("git_clone", "git_clown", "line 11: tasks[0].steps[0].tool: There is no tool 'git_clown'"),
        ("url:", "uri:", "tasks[0].steps[0].params.uri: Unknown parameter. Known: url"),
        ("https:", "ftp:", "line 13: tasks[0].steps[0].params.url: "),
        ("a/b", "a/b\n          branch: 1.10", "line 14: tasks[0].steps[0].params.branch: This is t"),
        ("a/b", "a/b\n          depth: 0", "line 14: tasks[0].steps[0].params.depth: Ensure this"),
        ("bash", "perl", 'line 20: tasks[1].steps[0].params.interpreter: "perl" is not there. Choose bash'),
        ("      - tool: script\n        params:\n          interpreter: bash\n          code: echo hello", "      []", "line 17: tasks[1].steps: A task needs at least one step. Add one."),
        ("true", "perhaps", "line 16: tasks[1].continue_on_error: Must be a valid boolean."),
        ("true", "true\n    after: [Fetch, Fetsh]", "line 17: tasks[1].after: The crew has no task 'Fetsh'."),
        ("true", "true\n    after: [Report]", "line 17: tasks[1].after: A task cannot come after itself."),
        ("true", "true\n    after: Fetch", 'line 17: tasks[1].after: Expected a list of items'),
        ("true", "true\n    after: [2]", "line 17: tasks[1].after[0]: This is text. Write it in quotes."),
        ("name: Release", "name: R\nmax_parallel: 33", "line 4: max_parallel: Ensure this value is less than or"),
        ("name: Release", "name: R\nmax_parallel: 0", "line 4: max_parallel: Ensure this value is greater"),
        ("agents:\n  - slug: orion\n    name: Orion", "agents: []", "The crew has no such agent."),
        ("    name: Orion", "    name: Orion\n  - {slug: orion, name: O}", "agents[1].slug: agents[0]"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_line_and_place(before, after, message):
    assert before in CREW
    found = faults(CREW.replace(before, after, 1))
    assert any(message in fault for fault in found), found


def test_tasks_that_wait_for_each_other_are_refused_by_their_names():
    third = CREW[CREW.index("  - name: Report") :].replace("Report", "Build")
    crew = CREW.replace("true", "true\n    after: [Fetch, Build]") + third.replace(
        "true", "true\n    after:\n      - Report"
    )
    (fault,) = faults(crew)
    assert "tasks[1].after: " in fault or "tasks[2].after: " in fault
    assert "These tasks wait for each other: " in fault
    assert "Build → Report" in fault
    assert "Fetch" not in fault
    assert faults(crew.replace("[Fetch, Build]", "[Fetch]")) == []


def test_a_name_that_two_tasks_have_names_neither():
    twice = CREW.replace("Report", "Fetch") + CREW[CREW.index("  - name: Report") :]
    (fault,) = faults(twice.replace("name: Report", "name: Report\n    after: [Fetch]"))
    assert fault.endswith("Several tasks have the name 'Fetch'. Give each its own.")


def test_all_faults_are_reported_together():
    wrong = CREW.replace("https:", "ftp:").replace("bash", "perl").replace("Orion", "O" * 61)
    assert len(faults(wrong)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty."),
        ("# nothing\n", "The file is empty."),
        ("a: 1\n---\nb: 2\n", "line 2: Write one crew in a file"),
        ("a: [1, 2\nb: 3\n", "This is not YAML"),
        ("a: 1\na: 2\n", "line 2: a: The key is there twice."),
        ("a: &x 1\n", "line 1: a: Write the value itself"),
        ("a: *x\n", "line 1: a: Write the value itself"),
        (
            "a: !!python/object/apply:os.system ['true']\n",
            "line 1: a: Leave the tag tag:yaml.org,2",
        ),
        ("a: !!str 3\n", "line 1: a: Leave the tag"),
        ("1: a\n", "line 1: A key has to be text"),
        ("[a]: b\n", "line 1: A key has to be text"),
        ('a: "\\0"\n', "line 1: a: It has a character that cannot be stored."),
        ("a: \x01\n", "This is not YAML"),
        (b"a: 1\nb: \xff\n", "line 2: Save the file as UTF-8."),
        ("- a\n", "Write a mapping here"),
        ("just text", "Write a mapping here"),
    ],
)
def test_what_is_no_crew_is_refused(text, message):
    assert message in "\n".join(faults(text))


def test_a_small_file_cannot_stand_for_a_large_value():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{key}: &{key} [*{old}, *{old}]\n" for old, key in zip("abcd", "bcde", strict=True)
    )
    assert faults(bomb) == ["line 1: a: Write the value itself: & and * are not accepted."]
    assert faults("<<: {name: x}\n")[0].startswith("line 1: <<: Unknown key")


def test_the_limits():
    comment = "#" * (MAX_BYTES - len(CREW))
    assert faults(CREW + comment) == []
    assert faults(CREW + comment + "#") == ["The file has more than 512 KiB. Split the crew."]
    deep = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    read(deep)
    assert faults(f"[{deep}]") == ["line 1: Values are nested more than 12 deep."]
    assert "nested more than" in faults("[" * 100_000)[0]
    read("[" + "1," * (MAX_VALUES - 1) + "]")
    assert faults("[" + "1," * MAX_VALUES + "]") == [
        "line 1: The file has more than 20,000 values."
    ]


def test_values_are_those_of_yaml_1_2():
    text = "[no, on, 012, 1_000, 12:30, 2024-01-01, 1e3, null, ~, true, -3, 1.5, '3']"
    expected = ["no", "on", "012", "1_000", "12:30", "2024-01-01", "1e3", None, None, True, -3, 1.5]
    assert read(text)[0] == [*expected, "3"]


def test_a_fault_on_a_terminal_is_one_line_without_control_characters():
    (fault,) = faults(CREW + f'"\\e[31m\\n{"x" * 1000}": 1\n')
    assert fault.startswith("line 22: \\x1b[31m\\nxxx")
    assert "xxx: Unknown key. Known: organization" in fault
    assert fault.isprintable()
    assert len(fault) < 700
