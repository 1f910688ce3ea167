"""The hooks of Claude Code as events: `docs/integrations/claude-code.md`. Pure functions.

A hook carries no time and may come twice, so the id of each event is made from the hook's own ids.
Every hook also starts what it belongs to, the agent and its task: a hook that was lost costs only
its own event, and a start that the run has had is a duplicate.
"""

import re
from collections.abc import Callable
from typing import Any

from runs.execution.redaction import redact
from runs.reporting.sources.claude_code.payload import MAIN, Call, Hook, short
from runs.reporting.sources.values import bounded, pieces, text_of

EXIT_CODE = re.compile(r"Exit code (\d{1,9})\b")
SUMMARY = re.compile(r"<summary>([^<]*)</summary>")
REFUSED_INPUT = "<tool_use_error>"  # begins the answer of a call whose tool or input does not exist

Event = dict[str, Any]


def events_of(hook: Hook) -> list[Event]:
    """Return the events of the hook, without their run; none if the hook says nothing of it."""
    kind = _KINDS.get(hook.hook_event_name)
    return kind(hook) if kind else []


def title_of(hook: Hook) -> str:
    """Return what the person asked for, as the name of a task."""
    if hook.is_notification:
        found = SUMMARY.search(hook.prompt)
        return redact(found[1])[:100] if found else "Background task ended"
    first = next((line for line in hook.prompt.splitlines() if line.strip()), "")
    return redact(first.strip()[:1000])[:100] or "Prompt"


def starts(hook: Hook) -> list[Event]:
    """Start the agent of the hook, and its task: a prompt, or the purpose of the sub-agent."""
    place = hook.place
    agent: Event = {"type": "agent_start", "agent_id": place["agent_id"]}
    if hook.agent_id is None:
        agent |= {"id": "agent", "name": "Claude Code"}
        name = title_of(hook)
    else:
        name = hook.agent_type or "Sub-agent"
        task = place["task_id"]
        agent |= {"id": f"agent {task}", "instance": task, "name": name, "parent_agent_id": MAIN}
    return [agent, {"id": f"task {place['task_id']}", "type": "task_start", "name": name, **place}]


def _tool_start(hook: Hook, call: Call | Hook) -> Event:
    return {
        "id": f"start {short(call.tool_use_id)}",
        "type": "tool_start",
        "execution_id": call.tool_use_id,
        "tool": call.tool_name or "unknown",
        "params": bounded(call.tool_input),
        **hook.place,
    }


def _pre_tool_use(hook: Hook) -> list[Event]:
    # `Agent` is the wish for a sub-agent: SubagentStart says when there is one.
    return starts(hook) + ([] if hook.tool_name == "Agent" else [_tool_start(hook, hook)])


def _post_tool_use(hook: Hook) -> list[Event]:
    if hook.tool_name == "Agent":
        return []
    response = hook.tool_response
    interrupted = isinstance(response, dict) and response.get("interrupted") is True
    end: Event = {"status": "cancelled" if interrupted else "success", "message": ""}
    if hook.tool_name == "Bash" and not interrupted:
        end["exit_code"] = 0  # another one comes as PostToolUseFailure
    return _ended(hook, text_of(response), end)


def _post_tool_use_failure(hook: Hook) -> list[Event]:
    text = text_of(hook.error)
    if hook.tool_name == "Agent":
        error = {"type": "error", "message": text or "The sub-agent failed.", **hook.place}
        return [*starts(hook), {"id": f"end {short(hook.tool_use_id)}", **error}]
    end: Event = {"status": "cancelled" if hook.is_interrupt else "error"}
    found = EXIT_CODE.match(text)
    if found is None:
        return _ended(hook, "", end | {"message": text})
    output = text[found.end() :].removeprefix("\n")
    return _ended(hook, output, end | {"exit_code": int(found[1]), "message": found[0] + "."})


def _ended(hook: Hook, output: str, end: Event) -> list[Event]:
    if hook.duration_ms is not None:
        end["duration_s"] = hook.duration_ms / 1000
    return [*starts(hook), _tool_start(hook, hook), *_end(hook.tool_use_id, output, end)]


def _end(execution: str | None, output: str, end: Event) -> list[Event]:
    """End a call with its output, which may be longer than one event takes."""
    own = {"execution_id": execution}
    outputs = [
        {
            "id": f"output {number} {short(execution)}",
            "type": "tool_progress",
            "output": piece,
            **own,
        }
        for number, piece in enumerate(pieces(output))
    ]
    return [*outputs, {"id": f"end {short(execution)}", "type": "tool_end", **own, **end}]


def _post_tool_batch(hook: Hook) -> list[Event]:
    """End every call of a step that is still open. Only this hook names a refused call."""
    events = starts(hook)
    for call in hook.tool_calls:
        if call.tool_use_id is None or call.tool_name == "Agent":
            continue
        text = text_of(call.tool_response)
        is_error = text.startswith(REFUSED_INPUT)
        message = re.sub(r"</?tool_use_error>", "", text)
        end = {"status": "error" if is_error else "cancelled", "message": message or "Refused."}
        events += [_tool_start(hook, call), *_end(call.tool_use_id, "", end)]
    return events


def _subagent_stop(hook: Hook) -> list[Event]:
    place = hook.place
    task = place["task_id"]
    end = {"status": "succeeded"}
    return [
        *starts(hook),
        {"id": f"task end {task}", "type": "task_end", "task_id": task, **end},
        {
            "id": f"agent end {task}",
            "type": "agent_end",
            "agent_id": place["agent_id"],
            "instance": task,
            **end,
        },
    ]


def _turn_end(hook: Hook, end: Event, done: bool) -> list[Event]:
    ids = {"id": f"task end {hook.turn}", "type": "task_end", "task_id": hook.turn}
    events = [*starts(hook), {**ids, **end}]
    events.append({"id": f"agent end {hook.turn}", "type": "agent_end", "agent_id": MAIN, **end})
    return [*events, {"id": "done", "type": "done", **end}] if done else events


def _stop(hook: Hook) -> list[Event]:
    """The turn is over. The run is, too, unless something works on in the background."""
    return _turn_end(hook, {"status": "succeeded"}, done=not hook.background_tasks)


def _stop_failure(hook: Hook) -> list[Event]:
    message = text_of(hook.last_assistant_message) or text_of(hook.error) or "The turn failed."
    error = {"id": f"failure {hook.turn}", "type": "error", "message": message, "agent_id": MAIN}
    return [error, *_turn_end(hook, {"status": "failed", "message": message}, done=True)]


def _session_end(hook: Hook) -> list[Event]:
    """A run that is open now was interrupted. Claude Code gives no other sign of it."""
    message = "The session ended before the turn did."
    return [{"id": "session end", "type": "done", "status": "cancelled", "message": message}]


_KINDS: dict[str, Callable[[Hook], list[Event]]] = {
    "UserPromptSubmit": starts,
    "PreToolUse": _pre_tool_use,
    "PostToolUse": _post_tool_use,
    "PostToolUseFailure": _post_tool_use_failure,
    "PostToolBatch": _post_tool_batch,
    "SubagentStart": starts,
    "SubagentStop": _subagent_stop,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "SessionEnd": _session_end,
}
