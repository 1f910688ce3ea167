import type { Access } from "crewops-client/access";
import { useEffect, useState } from "react";

export interface Task {
  task_id: string;
  name: string;
  agent_id: string;
  after: string[];
}

export interface Crew {
  id: string;
  name: string;
  description: string;
  organization: { name: string };
  agents: { agent_id: string; name: string; role: string }[];
  tasks: Task[];
}

export interface Run {
  id: string;
  status: string;
  created_at: string;
}

/** What a list of the API answers; asked for again when `version` changes. */
export function useList<Item>(access: Access, path: string, version: unknown): Item[] | null {
  const [items, setItems] = useState<{ path: string; items: Item[] } | null>(null);
  useEffect(() => {
    const gone = new AbortController();
    access
      .fetch(path, { signal: gone.signal })
      .then((response) => response.json())
      .then(({ results }) => setItems({ path, items: results }))
      .catch((error) => gone.signal.aborted || console.error(error));
    return () => gone.abort();
  }, [access, path, version]);
  return items?.path === path ? items.items : null;
}

/** The time, while `isRunning`; in milliseconds. */
export function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isRunning) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}

export function seconds(duration: number): string {
  const whole = Math.max(0, Math.round(duration));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
