import { type CrewView, type RunView, useRun } from "crewops-client/react";
import { seconds, useNow } from "./api";

type Execution = CrewView["executions"][number];
type Props = { id: string; live: CrewView };

export function RunPanel({ id, live }: Props) {
  const run = useRun(id);
  const isActive = run.status === "queued" || run.status === "running";
  const now = useNow(isActive);
  if (run.error) return <p role="alert">{run.error.reason}</p>;
  if (!run.status) return <p className="quiet">Loading…</p>;
  const ended = run.tasks.filter(({ status }) => !["pending", "running"].includes(status)).length;
  const begun = run.tasks.find(({ started_at }) => started_at)?.started_at;
  const elapsed = run.duration_s ?? (begun ? (now - Date.parse(begun)) / 1000 : 0);
  const names = new Map(run.agents.map(({ agent_id, name }) => [agent_id, name]));
  const tools = live.executions.filter(
    (tool) => tool.run_id === id && tool.status === "running" && isActive,
  );
  return (
    <div data-run={id}>
      <p className="state">
        <i className="dot" data-status={run.status} />
        <b data-testid="run-status">{run.paused ? "paused" : run.status}</b>
        <span className="quiet">
          {ended} of {run.tasks.length} tasks · {seconds(elapsed)}
        </span>
      </p>
      <progress value={ended} max={run.tasks.length || 1} aria-label="Tasks that have ended" />
      {run.approvals.map(({ approval_id, agent_id, tool }) => (
        <p key={approval_id} className="waits">
          {names.get(agent_id) ?? agent_id} waits: may {tool} run? Decide in CrewOps, under
          Approvals.
        </p>
      ))}
      <ol className="tasks">
        {run.tasks.map((task) => {
          const tool = tools.find(
            ({ agent_id }) => agent_id === task.agent_id && task.status === "running",
          );
          return (
            <li key={task.task_id} data-status={task.status}>
              <i className="dot" data-status={task.status} />
              <span>
                {task.name}
                <small>
                  {names.get(task.agent_id) ?? task.agent_id}
                  {tool && ` · ${tool.tool}: ${tool.message || "running"}`}
                </small>
                {tool && <Meter tool={tool} />}
              </span>
              <span className="quiet">{lasted(task, now)}</span>
            </li>
          );
        })}
      </ol>
      {run.errors.map((message, number) => (
        <p key={number} role="alert">
          {message}
        </p>
      ))}
      <details>
        <summary>{run.events.length} events</summary>
        <ol className="events" reversed>
          {run.events.toReversed().map((event) => (
            <li key={event.seq} value={event.seq}>
              <time>{new Date(event.timestamp).toLocaleTimeString()}</time> {event.type}
            </li>
          ))}
        </ol>
      </details>
    </div>
  );
}

function Meter({ tool }: { tool: Execution }) {
  return typeof tool.progress === "number" ? (
    <progress value={tool.progress} aria-label={`Progress of ${tool.tool}`} />
  ) : null;
}

function lasted({ status, started_at, duration_s }: RunView["tasks"][number], now: number): string {
  if (duration_s !== undefined) return seconds(duration_s);
  return status === "running" && started_at ? seconds((now - Date.parse(started_at)) / 1000) : "";
}
