import type { AgentView, CrewView } from "crewops-client/react";
import { type CSSProperties, useSyncExternalStore } from "react";
import type { Crew } from "./api";
import { layOut, type Node } from "./layout";

const WIDE = { width: 168, height: 68, gap: 56, space: 18 }; // gap: between layers; space: within
const NARROW = { width: 98, height: 84, gap: 36, space: 8 }; // layers are below each other
const narrow = matchMedia("(max-width: 700px)");

function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => narrow.matches,
  );
}

export function CrewGraph({ crew, live }: { crew: Crew; live: CrewView }) {
  const isNarrow = useNarrow();
  const { nodes, edges, layers, widest } = layOut(crew, live);
  if (!nodes.length) return <p className="quiet">Its agents appear when they work.</p>;

  const { width, height, gap, space } = isNarrow ? NARROW : WIDE;
  const along = (isNarrow ? height : width) + gap;
  const across = (isNarrow ? width : height) + space;
  const at = ({ layer, place }: Node) => {
    const [a, b] = [layer * along, (place + (widest - 1) / 2) * across];
    return isNarrow ? { x: b, y: a } : { x: a, y: b };
  };
  const line = ([from, to]: [Node, Node]) => {
    const [a, b] = [at(from), at(to)];
    if (isNarrow) {
      const [x1, y1, x2, y2] = [a.x + width / 2, a.y + height, b.x + width / 2, b.y];
      const middle = (y1 + y2) / 2;
      return `M${x1},${y1} C${x1},${middle} ${x2},${middle} ${x2},${y2}`;
    }
    const [x1, y1, x2, y2] = [a.x + width, a.y + height / 2, b.x, b.y + height / 2];
    const middle = (x1 + x2) / 2;
    return `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}`;
  };
  const [length, breadth] = [layers * along - gap, widest * across - space];
  const size = isNarrow ? { width: breadth, height: length } : { width: length, height: breadth };
  const agents = new Map(live.agents.map((agent) => [agent.agent_id, agent]));
  return (
    <div className={isNarrow ? "graph narrow" : "graph"}>
      <div style={size}>
        <svg {...size} aria-hidden="true">
          {edges.map((edge) => (
            <path key={`${edge[0].id} ${edge[1].id}`} d={line(edge)} />
          ))}
        </svg>
        {nodes.map((node) => {
          const { x, y } = at(node);
          const style = { left: x, top: y, width, height };
          return <Agent key={node.id} node={node} live={agents.get(node.id)} style={style} />;
        })}
      </div>
    </div>
  );
}

type AgentProps = { node: Node; live: AgentView | undefined; style: CSSProperties };

function Agent({ node, live, style }: AgentProps) {
  const state = live?.state ?? "idle";
  const tool = live?.tools.find(({ status }) => status === "running");
  return (
    <div className="agent" data-agent={node.id} data-state={state} style={style} title={node.role}>
      <strong>{node.name}</strong>
      <em>{state}</em>
      <small>{tool?.tool ?? live?.task?.name ?? node.role}</small>
    </div>
  );
}
