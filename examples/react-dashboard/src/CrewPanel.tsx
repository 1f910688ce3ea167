import type { Access } from "crewops-client/access";
import { useCrew } from "crewops-client/react";
import { useState } from "react";
import { type Crew, type Run, useList } from "./api";
import { CrewGraph } from "./CrewGraph";
import { RunPanel } from "./RunPanel";

type Props = { access: Access; crew: Crew; status: string | undefined };

export function CrewPanel({ access, crew, status }: Props) {
  const live = useCrew(crew.id);
  const [started, setStarted] = useState(0);
  const [error, setError] = useState("");
  const [chosen, choose] = useState<string>();
  const path = `/api/runs/?crew=${crew.id}&page_size=6`;
  const runs = useList<Run>(access, path, [status, started, ...live.runs].join());
  const runId = chosen ?? runs?.[0]?.id;

  async function start() {
    const response = await access.fetch(`/api/crews/${crew.id}/runs/`, { method: "POST" });
    const answer = await response.json();
    setError(response.ok ? "" : answer.detail);
    if (response.ok) choose(answer.id);
    setStarted((count) => count + 1);
  }

  return (
    <>
      <section className="card" aria-label={crew.name}>
        <div className="title">
          <h1>{crew.name}</h1>
          {crew.tasks.length > 0 && (
            <button type="button" onClick={() => start().catch((cause) => setError(cause.message))}>
              Start run
            </button>
          )}
        </div>
        {crew.description && <p className="quiet">{crew.description}</p>}
        {error && <p role="alert">{error}</p>}
        <CrewGraph crew={crew} live={live} />
      </section>
      <section className="card" aria-label="Run">
        <div className="runs">
          {runs?.map(({ id, status, created_at }) => (
            <button
              type="button"
              key={id}
              aria-pressed={id === runId}
              onClick={() => choose(id)}
              title={`${status}, ${new Date(created_at).toLocaleString()}`}
            >
              <i className="dot" data-status={status} />
              {new Date(created_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}
            </button>
          ))}
        </div>
        {runId ? (
          <RunPanel key={runId} id={runId} live={live} />
        ) : (
          runs && <p className="quiet">This crew has not run yet.</p>
        )}
      </section>
    </>
  );
}
