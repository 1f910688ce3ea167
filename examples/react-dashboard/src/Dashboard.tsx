import type { Access } from "crewops-client/access";
import { useMission } from "crewops-client/react";
import { useState } from "react";
import { type Crew, useList } from "./api";
import { CrewPanel } from "./CrewPanel";

type Props = { access: Access; onLeave: () => void };

export function Dashboard({ access, onLeave }: Props) {
  const mission = useMission();
  // A crew that comes or goes: the list is asked for again.
  const version = [...mission.crews.keys()].sort().join();
  const crews = useList<Crew>(access, "/api/crews/?page_size=200", version);
  const [chosen, choose] = useState<string>();
  const crew = crews?.find(({ id }) => id === chosen) ?? crews?.[0];
  return (
    <>
      <header className="top">
        <strong>Crews</strong>
        <span className="live" data-state={mission.connection}>
          {LIVE[mission.connection] ?? "Connecting…"}
        </span>
        <button type="button" className="plain" onClick={onLeave}>
          Sign out
        </button>
      </header>
      {mission.error && (
        <p role="alert" className="notice">
          {mission.error.reason}{" "}
          <button type="button" onClick={onLeave}>
            Sign in again
          </button>
        </p>
      )}
      <div className="columns">
        <nav aria-label="Mission" className="card">
          {crews?.map(({ id, name, organization }) => {
            const { status = "", approvals = 0 } = mission.crews.get(id) ?? {};
            const isCurrent = id === crew?.id;
            return (
              <button
                type="button"
                key={id}
                aria-current={isCurrent || undefined}
                onClick={() => choose(id)}
              >
                <i className="dot" data-status={status} />
                <span>
                  {name}
                  <small>
                    {organization.name} · {status || "…"}
                  </small>
                </span>
                {approvals > 0 && <b title="Tool calls that wait for approval">{approvals}</b>}
              </button>
            );
          })}
          {crews?.length === 0 && <p className="quiet">You see no crew yet.</p>}
        </nav>
        <main>
          {crew && (
            <CrewPanel
              key={crew.id}
              access={access}
              crew={crew}
              status={mission.crews.get(crew.id)?.status}
            />
          )}
        </main>
      </div>
    </>
  );
}

const LIVE: Record<string, string> = {
  live: "Live",
  catching_up: "Catching up…",
  retrying: "Connection lost, trying again…",
  failed: "Signed out",
};
