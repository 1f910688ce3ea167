/**
 * The frames of the three sockets, as types. Nothing here runs.
 *
 * Every event has `type`, `seq` (1, 2, 3 … in its stream, without a hole), `timestamp` (ISO 8601,
 * UTC, with a `Z`) and `crew_id`. `duration_s` is in seconds, `progress` is 0 to 1.
 */

/** @typedef {{seq: number, timestamp: string, crew_id: string, truncated?: true}} EventBase */
/** @typedef {EventBase & {run_id: string}} RunEventBase */

/** @typedef {"succeeded" | "failed" | "cancelled"} Outcome */
/** @typedef {"success" | "error" | "completed_with_errors"} ToolOutcome */
/** @typedef {"offline" | "available" | "busy"} CrewStatus */

/**
 * @typedef {RunEventBase & {
 *   type: "boot",
 *   crew: string,
 *   agents: {agent_id: string, name: string, role: string}[],
 *   tasks: {task_id: string, name: string, agent_id: string}[],
 * }} BootEvent
 */
/** @typedef {RunEventBase & {type: "agent_start", agent_id: string}} AgentStartEvent */
/**
 * @typedef {RunEventBase & {type: "agent_end", agent_id: string, status: Outcome}} AgentEndEvent
 */
/**
 * @typedef {RunEventBase & {type: "task_start", task_id: string, name: string, agent_id: string}}
 *   TaskStartEvent
 */
/**
 * @typedef {RunEventBase & {
 *   type: "task_end",
 *   task_id: string,
 *   agent_id: string,
 *   status: Outcome,
 *   duration_s: number,
 * }} TaskEndEvent
 */
/**
 * Not terminal by itself: a `done` follows.
 * @typedef {RunEventBase & {
 *   type: "error",
 *   message: string,
 *   reason: string,
 *   agent_id?: string,
 *   task_id?: string,
 * }} ErrorEvent
 */
/**
 * The last event of a run.
 * @typedef {RunEventBase & {
 *   type: "done",
 *   status: Outcome,
 *   duration_s: number,
 *   reason?: string,
 * }} DoneEvent
 */
/**
 * @typedef {BootEvent | AgentStartEvent | AgentEndEvent | TaskStartEvent | TaskEndEvent
 *   | ErrorEvent | DoneEvent} RunEvent
 */

/**
 * @typedef {RunEventBase & {
 *   agent_id: string,
 *   execution_id: string,
 *   tool: string,
 * }} ToolEventBase
 */
/**
 * @typedef {ToolEventBase & {type: "tool_start", params: Record<string, unknown>}} ToolStartEvent
 */
/**
 * `output` is what the tool wrote since the previous event; joined they are its whole output.
 * @typedef {ToolEventBase & {
 *   type: "tool_progress",
 *   message: string,
 *   progress?: number,
 *   output?: string,
 * }} ToolProgressEvent
 */
/**
 * @typedef {ToolEventBase & {
 *   type: "tool_end",
 *   duration_s: number,
 *   exit_code: number | null,
 *   status: ToolOutcome,
 *   message?: string,
 * }} ToolEndEvent
 */
/** @typedef {ToolStartEvent | ToolProgressEvent | ToolEndEvent} ToolEvent */

/**
 * @typedef {EventBase & {
 *   type: "signal",
 *   payload: {status: CrewStatus, crewId: string},
 * }} SignalEvent
 */

/**
 * The first frame of every stream on an accepted socket. `head` is the stream's newest `seq`.
 * @typedef {{type: "hello", stream: string, epoch: string, head: number, heartbeat_s: number}}
 *   HelloFrame
 */
/**
 * @typedef {object} SnapshotAgent
 * @property {string} agent_id
 * @property {string} name
 * @property {string} role
 * @property {"idle" | "working" | "done" | "error"} state
 */
/**
 * `output_length` counts the characters written so far: where the next event's output goes on.
 * @typedef {object} SnapshotExecution
 * @property {string} run_id
 * @property {string} agent_id
 * @property {string} execution_id
 * @property {string} tool
 * @property {Record<string, unknown>} params
 * @property {"running" | ToolOutcome} status
 * @property {string} message
 * @property {number | null} progress
 * @property {number | null} exit_code
 * @property {string} started_at
 * @property {number | null} duration_s
 * @property {number} output_length
 */
/**
 * A crew's graph as it was after event `seq`; what came before is in it, what comes after follows.
 * `executions`, oldest first, are those of the runs under way and of the newest run.
 * @typedef {{
 *   type: "snapshot",
 *   stream: string,
 *   seq: number,
 *   agents: SnapshotAgent[],
 *   executions: SnapshotExecution[],
 * }} SnapshotFrame
 */
/**
 * The server does not know our position: forget what this stream told, it starts anew.
 * @typedef {{
 *   type: "reset",
 *   stream: string,
 *   reason: "epoch_changed" | "pruned" | "ahead",
 *   epoch: string,
 *   head: number,
 * }} ResetFrame
 */
/**
 * A stream of several has ended: its crew is not there any more, or not ours to see.
 * @typedef {{type: "gone", stream: string}} GoneFrame
 */
/** @typedef {{type: "ping", timestamp: string, heads: Record<string, number>}} PingFrame */
/** @typedef {{type: "pong"}} PongFrame */
/** @typedef {{type: "auth_ok", expires_at: string}} AuthOkFrame */
/** @typedef {{type: "error_message", code: number | string, detail: string}} ErrorMessageFrame */

/**
 * What the listeners of each class get.
 * @typedef {RunEvent | ResetFrame} RunMessage
 * @typedef {ToolEvent | SnapshotFrame | ResetFrame | GoneFrame} GraphMessage
 * @typedef {SignalEvent | ResetFrame | GoneFrame} MissionMessage
 */
/**
 * Every frame a server sends.
 * @typedef {RunMessage | GraphMessage | MissionMessage | HelloFrame | PingFrame | PongFrame
 *   | AuthOkFrame | ErrorMessageFrame} Frame
 */

export {};
