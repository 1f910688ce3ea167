import * as msgpack from "@msgpack/msgpack";
import { GraphWebSocket, MissionWebSocket, RunWebSocket } from "crewops-client";
import { LiveConnection } from "crewops-client/live";
import type { GraphMessage, Options, RunMessage, State } from "crewops-client";

const options: Options = { log: false };

async function freshToken({ renew }: { renew: boolean }): Promise<string> {
  return renew ? "fresh" : "cached";
}

function describe(message: RunMessage): string {
  switch (message.type) {
    case "boot":
      return message.agents.map((agent) => agent.name).join(", ");
    case "task_end":
      return `${message.task_id} took ${message.duration_s.toFixed(1)} s`;
    case "done":
      return message.status;
    default:
      return message.type;
  }
}

function exitCode(message: GraphMessage): number | null {
  return message.type === "tool_end" ? message.exit_code : null;
}

const run = new RunWebSocket("r1", "j.w.t", options);
run.subscribe((message) => console.log(describe(message)));
// @ts-expect-error a run's socket carries no tool events
run.subscribe((message) => message.type === "tool_end");
run.connect();

const mission = new MissionWebSocket(freshToken, { ...options, msgpack });
mission.subscribe((message) => {
  if (message.type === "signal") console.log(message.payload.crewId, message.payload.status);
});

const graph = new GraphWebSocket("c1", null, { ...options, autoReconnect: true });
graph.subscribe((message) => console.log(exitCode(message)));
const stop: () => void = graph.onStateChange(({ state }: { state: State }) => console.log(state));
stop();
// @ts-expect-error no such state
console.log(graph.state === "online");

const live = new LiveConnection(freshToken, { log: false });
const { state }: { state: State } = new RunWebSocket("r1", null, { WebSocket: live.WebSocket });
console.log(state);
