"""What a step may ask for, and where in the machine it may look."""

from tests.guards.guard import guard

BASE, TOOLS = "runs/tools/base.py", "runs/tools/__init__.py"
REGISTRY = "runs/tests/tools/test_registry.py"
FAULT = f"{REGISTRY}::test_a_fault_names_step_and_parameter"
SCRIPT = "runs/tests/tools/test_script.py"

STEPS = (
    guard(
        "step: how many",
        *(TOOLS, "if len(steps) > MAX_STEPS:", "if False:"),
        f"{REGISTRY}::test_steps_are_a_list_of_fifty_at_most",
    ),
    guard(
        "step: faults",
        *(TOOLS, "    if faults:\n", "    if False:\n"),
        f"{REGISTRY}::test_every_fault_is_told",
    ),
    guard(
        "step: keys",
        *(TOOLS, 'if extra := sorted(str(key) for key in step.keys() - {"tool", "params"}):', "if extra := []:"),
        FAULT,
    ),
    guard(
        "step: parameters",
        *(BASE, "unknown := [key for key in data if key not in self.fields]", "unknown := []"),
        FAULT,
    ),
    guard(
        "step: the network where it is allowed",
        *(BASE, "if (wanted := super().to_internal_value(data)) and not settings.TOOLS_ALLOW_NETWORK:", "if (wanted := super().to_internal_value(data)) and False:"),
        FAULT,
    ),
    guard(
        "step: length of a script",
        *("runs/tools/script.py", "max_length=MAX_CODE_CHARS, ", ""),
        FAULT,
    ),
    guard(
        "step: a directory of the workspace",
        *(BASE, "if not path.is_relative_to(root) or not path.is_dir():", "if not path.is_dir():"),
        f"{SCRIPT}::test_refuses_a_directory_outside_the_workspace",
    ),
    guard(
        "step: a path that stays in the workspace",
        BASE,
        'if path.is_absolute() or ".." in path.parts or value.startswith("-") or "\\0" in value:',
        "if False:",
        f"{REGISTRY}::test_a_path_that_leads_out_is_refused",
    ),
    guard(
        "output: length",
        *("runs/tools/output.py", "> self._left:", "> 1 << 40:"),
        f"{SCRIPT}::test_output_is_cut_and_the_exit_status_stays_true",
    ),
    guard(
        "run: of tasks",
        *("runs/models/run_queryset.py", "if not crew.tasks.exists():", "if False:"),
        "runs/tests/test_models.py::test_a_run_that_could_do_nothing_is_refused[no task]",
    ),
    guard(
        "run: succeeds after its start",
        *("runs/models/run.py", "if self.status == self.Status.QUEUED and status == self.Status.SUCCEEDED:", "if False:"),
        "runs/tests/test_models.py::test_a_queued_run_cannot_succeed",
    ),
    guard(
        "run: ends as one can",
        *("runs/models/run.py", "if status not in self.TERMINAL:", "if False:"),
        "runs/tests/test_models.py::test_nothing_ends_as_what_is_no_end",
    ),
    guard(
        "run: a task ends as one can",
        "runs/models/task_execution.py",
        "if status not in self.Status.values or status == self.Status.RUNNING:",
        "if False:",
        "runs/tests/test_models.py::test_nothing_ends_as_what_is_no_end",
    ),
    guard(
        "run: a tool ends as one can",
        "runs/models/tool_execution.py",
        "if status not in self.Status.values or status == self.Status.RUNNING:",
        "if False:",
        "runs/tests/test_models.py::test_nothing_ends_as_what_is_no_end",
    ),
    guard(
        "run: starts no task when it is over",
        *("runs/models/task_execution.py", "if run.status != Run.Status.RUNNING:", "if False:"),
        "runs/tests/test_models.py::test_an_ended_run_keeps_its_first_ending_and_starts_nothing",
    ),
    guard(
        "run: starts no tool of a task that is over",
        *("runs/models/tool_execution.py", "if task_execution.status != TaskExecution.Status.RUNNING:", "if False:"),
        "runs/tests/test_models.py::test_an_ended_task_starts_no_tool",
    ),
    guard(
        "run: again when it is over",
        "runs/models/run.py",
        "            if not self.is_over:\n",
        "            if False:\n",
        "runs/tests/test_retries.py::test_a_run_that_is_under_way_is_refused",
    ),
    guard(
        "run: a task keeps its first ending",
        "runs/models/task_execution.py",
        "            if self.status != self.Status.RUNNING:\n                return\n",
        "",
        "runs/tests/test_models.py::test_an_ended_task_starts_no_tool",
    ),
    guard(
        "run: a tool keeps its first ending",
        "runs/models/tool_execution.py",
        "            if self.status != self.Status.RUNNING:\n                return\n",
        "",
        "realtime/tests/test_signals.py::test_ending_emits_one_end_and_a_second_ending_none",
    ),
)  # fmt: skip
