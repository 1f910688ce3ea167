import type { CrewView } from "crewops-client/react";
import type { Crew } from "./api";

export interface Node {
  id: string;
  name: string;
  role: string;
  layer: number;
  place: number; // from the middle of its layer: -0.5 and 0.5 where there are two
}

export interface Graph {
  nodes: Node[];
  edges: [Node, Node][];
  layers: number;
  widest: number; // nodes in the largest layer
}

/** Agents in layers: those whose tasks come first, then those who follow or are called. */
export function layOut(crew: Crew, live: CrewView): Graph {
  const agents = new Map(crew.agents.map((agent) => [agent.agent_id, agent]));
  for (const agent of live.agents)
    if (!agents.has(agent.agent_id)) agents.set(agent.agent_id, agent);

  const layerOf = new Map<string, number>();
  const pairs = new Map<string, [string, string]>();
  const connect = (from: string | undefined, to: string | undefined) => {
    if (from && to && from !== to) pairs.set(JSON.stringify([from, to]), [from, to]);
  };

  const owners = new Map(crew.tasks.map(({ task_id, agent_id }) => [task_id, agent_id]));
  const depths = new Map<string, number>();
  const isOrdered = crew.tasks.some(({ after }) => after.length);
  for (const [index, task] of crew.tasks.entries()) {
    const last = crew.tasks.slice(Math.max(0, index - 1), index).map(({ task_id }) => task_id);
    const before = isOrdered ? task.after : last;
    const depth = Math.max(-1, ...before.map((id) => depths.get(id) ?? -1)) + 1;
    depths.set(task.task_id, depth);
    if (!layerOf.has(task.agent_id)) layerOf.set(task.agent_id, depth);
    for (const id of before) connect(owners.get(id), task.agent_id);
  }
  for (const { agent_id, parent } of live.agents) connect(parent, agent_id);
  for (const { from_agent_id, to_agent_id } of live.handoffs) connect(from_agent_id, to_agent_id);
  for (const [from, to] of pairs.values()) {
    const layer = layerOf.get(from) ?? 0;
    layerOf.set(from, layer);
    if (!layerOf.has(to)) layerOf.set(to, layer + 1);
  }

  const used = [...new Set([...agents.keys()].map((id) => layerOf.get(id) ?? 0))].sort(
    (a, b) => a - b, // without gaps: the first task of an agent may come late
  );
  const layers = used.map((layer) =>
    [...agents.values()].filter(({ agent_id }) => (layerOf.get(agent_id) ?? 0) === layer),
  );
  const nodes = layers.flatMap((members, layer) =>
    members.map(({ agent_id: id, name, role }, index) => {
      return { id, name, role, layer, place: index - (members.length - 1) / 2 };
    }),
  );
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = [...pairs.values()].flatMap(([from, to]): [Node, Node][] => {
    const [a, b] = [byId.get(from), byId.get(to)];
    return a && b ? [[a, b]] : [];
  });
  const widest = Math.max(0, ...layers.map(({ length }) => length));
  return { nodes, edges, layers: layers.length, widest };
}
