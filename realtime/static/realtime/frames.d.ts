// The frames of the sockets. Made by `npm run frame-types`; do not edit.

export type Frame =
  | RunMessage
  | GraphMessage
  | MissionMessage
  | HelloFrame
  | SnapshotFrame
  | ResetFrame
  | GoneFrame
  | PingFrame
  | PongFrame
  | AuthOkFrame
  | ErrorMessageFrame
  | CloseFrame
  | UnsubscribedFrame
  | MetricsFrame;
export type RunMessage = RunEvent | ResetFrame;
export type RunEvent =
  | BootEvent
  | AgentStartEvent
  | TaskStartEvent
  | TaskEndEvent
  | AgentEndEvent
  | ErrorEvent
  | ControlRequestedEvent
  | ControlAcknowledgedEvent
  | ControlAppliedEvent
  | ApprovalRequestedEvent
  | ApprovalDecidedEvent
  | BudgetWarningEvent
  | BudgetExceededEvent
  | DoneEvent;
export type GraphMessage = GraphEvent | SnapshotFrame | ResetFrame | GoneFrame;
export type GraphEvent =
  ToolStartEvent | ToolProgressEvent | ToolEndEvent | LlmStartEvent | LlmProgressEvent | LlmEndEvent | HandoffEvent;
export type MissionMessage = MissionEvent | ResetFrame | GoneFrame;
export type MissionEvent = SignalEvent;

/**
 * The run was asked for: the first event of its stream. Lists the tasks it will carry out.
 */
export interface BootEvent {
  type: "boot";
  crew_id: string;
  run_id: string;
  crew: string;
  agents: BootAgent[];
  tasks: BootTask[];
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
export interface BootAgent {
  agent_id: string;
  name: string;
  role: string;
}
export interface BootTask {
  agent_id: string;
  name: string;
  task_id: string;
}
/**
 * The agent's first task in this run starts. The optional fields are those of reported runs.
 */
export interface AgentStartEvent {
  type: "agent_start";
  crew_id: string;
  run_id: string;
  agent_id: string;
  name?: string;
  role?: string;
  parent_agent_id?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The task starts.
 */
export interface TaskStartEvent {
  type: "task_start";
  crew_id: string;
  run_id: string;
  task_id: string;
  agent_id: string;
  name: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The task has ended.
 */
export interface TaskEndEvent {
  type: "task_end";
  crew_id: string;
  run_id: string;
  task_id: string;
  agent_id: string;
  status: "cancelled" | "failed" | "succeeded";
  /**
   * Seconds.
   */
  duration_s: number;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The agent has no task left in this run. ``status`` is the worst of its tasks'.
 */
export interface AgentEndEvent {
  type: "agent_end";
  crew_id: string;
  run_id: string;
  agent_id: string;
  status: "cancelled" | "failed" | "succeeded";
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * Something failed. An error ends nothing by itself: ``task_end`` or ``done`` follows.
 */
export interface ErrorEvent {
  type: "error";
  crew_id: string;
  run_id: string;
  message: string;
  reason: string;
  agent_id?: string;
  task_id?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * A person, a program or a rule asks something of the run. ``text``: of a message.
 */
export interface ControlRequestedEvent {
  type: "control_requested";
  crew_id: string;
  run_id: string;
  control_id: string;
  action: "cancel" | "message" | "pause" | "resume";
  by: string;
  text?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The process that carries out the run has received the control.
 */
export interface ControlAcknowledgedEvent {
  type: "control_acknowledged";
  crew_id: string;
  run_id: string;
  control_id: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The control is answered, once. ``detail`` says why it was refused or too late.
 */
export interface ControlAppliedEvent {
  type: "control_applied";
  crew_id: string;
  run_id: string;
  control_id: string;
  status: "applied" | "refused" | "too_late";
  detail: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * A tool call waits until a person approves it. Secrets are taken out of ``params``.
 *
 *     ``seen`` is the digest of the call, which a decision has to name. Nobody may decide after
 *     ``expires_at``. With ``admins_only`` operators may not decide.
 */
export interface ApprovalRequestedEvent {
  type: "approval_requested";
  crew_id: string;
  run_id: string;
  approval_id: string;
  agent_id: string;
  tool: string;
  params: {};
  expires_at: string;
  seen: string;
  admins_only: boolean;
  task_id?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The call may begin only if ``decision`` is approved. ``by`` is empty if it expired.
 */
export interface ApprovalDecidedEvent {
  type: "approval_decided";
  crew_id: string;
  run_id: string;
  approval_id: string;
  decision: "approved" | "denied" | "expired";
  by: string;
  note: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * 80 % of a budget of the run is used, or of a day of its crew that began at ``since``.
 */
export interface BudgetWarningEvent {
  type: "budget_warning";
  crew_id: string;
  run_id: string;
  alert_id: string;
  period: "day" | "run";
  measure: "minutes" | "model_calls" | "tokens" | "tool_calls" | "usd";
  limit: number;
  used: number;
  since?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * More than a budget is used. Then ``control_requested`` asks the run for ``action``.
 */
export interface BudgetExceededEvent {
  type: "budget_exceeded";
  crew_id: string;
  run_id: string;
  alert_id: string;
  period: "day" | "run";
  measure: "minutes" | "model_calls" | "tokens" | "tool_calls" | "usd";
  limit: number;
  used: number;
  since?: string;
  action: "cancel" | "pause";
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The run has ended: the last event of its stream.
 */
export interface DoneEvent {
  type: "done";
  crew_id: string;
  run_id: string;
  status: "cancelled" | "failed" | "succeeded";
  /**
   * Seconds.
   */
  duration_s: number;
  reason?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The server does not know the client's position: forget the stream, it starts again.
 */
export interface ResetFrame {
  type: "reset";
  stream: string;
  epoch: string;
  head: number;
  reason: "ahead" | "epoch_changed" | "pruned";
}
/**
 * The tool starts. Secrets are taken out of ``params``.
 */
export interface ToolStartEvent {
  type: "tool_start";
  crew_id: string;
  run_id: string;
  agent_id: string;
  execution_id: string;
  tool: string;
  params: {};
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * A report of a tool. ``output``: what it wrote since the last report.
 */
export interface ToolProgressEvent {
  type: "tool_progress";
  crew_id: string;
  run_id: string;
  agent_id: string;
  execution_id: string;
  tool: string;
  message: string;
  /**
   * How much is done, from 0 to 1.
   */
  progress?: number;
  output?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The tool has ended. ``exit_code`` is null where it is no process.
 */
export interface ToolEndEvent {
  type: "tool_end";
  crew_id: string;
  run_id: string;
  agent_id: string;
  execution_id: string;
  tool: string;
  /**
   * Seconds.
   */
  duration_s: number;
  exit_code: number | null;
  status: "completed_with_errors" | "error" | "success";
  message?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * A model is called. The agent thinks until the call ends.
 */
export interface LlmStartEvent {
  type: "llm_start";
  crew_id: string;
  run_id: string;
  agent_id: string;
  call_id: string;
  provider: string;
  model: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The model answers. The first of a call has ``first_token_s``. ``output`` is the text since
 *     the event before; it is missing unless the reporter sends it and the organization stores it.
 */
export interface LlmProgressEvent {
  type: "llm_progress";
  crew_id: string;
  run_id: string;
  agent_id: string;
  call_id: string;
  /**
   * Seconds.
   */
  first_token_s?: number;
  output?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * The model call has ended. ``input_tokens`` include ``cached_tokens``, ``output_tokens``
 *     include ``reasoning_tokens``. ``model`` is the one that answered, if it is another.
 */
export interface LlmEndEvent {
  type: "llm_end";
  crew_id: string;
  run_id: string;
  agent_id: string;
  call_id: string;
  /**
   * Seconds.
   */
  duration_s: number;
  status: "cancelled" | "error" | "success";
  /**
   * Tokens. Missing where they are unknown.
   */
  input_tokens?: number;
  /**
   * Tokens. Missing where they are unknown.
   */
  output_tokens?: number;
  /**
   * Tokens. Missing where they are unknown.
   */
  cached_tokens?: number;
  /**
   * Tokens. Missing where they are unknown.
   */
  reasoning_tokens?: number;
  /**
   * US dollars. Missing where it is unknown.
   */
  cost_usd?: number;
  /**
   * Seconds.
   */
  first_token_s?: number;
  finish_reason?: string;
  model?: string;
  message?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * An agent hands over to another. It starts and ends neither of them.
 */
export interface HandoffEvent {
  type: "handoff";
  crew_id: string;
  run_id: string;
  from_agent_id: string;
  to_agent_id: string;
  message?: string;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * A crew's graph as it was after event ``seq``; the events that follow apply to it.
 *
 *     ``executions``, oldest first, are those of the runs under way and of the newest run. So are
 *     ``calls`` (the open ones), ``usage`` and ``handoffs`` (the newest).
 */
export interface SnapshotFrame {
  type: "snapshot";
  stream: string;
  seq: number;
  agents: SnapshotAgent[];
  executions: SnapshotExecution[];
  calls?: SnapshotCall[];
  usage?: SnapshotUsage[];
  handoffs?: SnapshotHandoff[];
}
export interface SnapshotAgent {
  agent_id: string;
  name: string;
  parent_agent_id?: string;
  role: string;
  state: "done" | "error" | "idle" | "working";
}
/**
 * A tool call. ``output_length``: characters of output before the next event. ``truncated``:
 *     ``params`` were cut, as they have more than 2 KiB of JSON.
 */
export interface SnapshotExecution {
  agent_id: string;
  duration_s: number | null;
  execution_id: string;
  exit_code: number | null;
  message: string;
  output_length: number;
  params: {};
  progress: number | null;
  run_id: string;
  started_at: string;
  status: "running" | ("completed_with_errors" | "error" | "success");
  tool: string;
  truncated?: true;
}
/**
 * An open model call. ``duration_s``: seconds since its start. ``first_token_s`` is missing
 *     until the model answers.
 */
export interface SnapshotCall {
  agent_id: string;
  call_id: string;
  duration_s: number;
  first_token_s?: number;
  model: string;
  provider: string;
  run_id: string;
  started_at: string;
}
/**
 * Totals of a run's ended model calls. Null: no call has reported it.
 */
export interface SnapshotUsage {
  calls_without_cost: number;
  calls_without_usage: number;
  cost_usd: number | null;
  input_tokens: number | null;
  model_calls: number;
  output_tokens: number | null;
  run_id: string;
}
export interface SnapshotHandoff {
  from_agent_id: string;
  message: string;
  run_id: string;
  to_agent_id: string;
}
/**
 * One stream of several has ended: its crew was deleted, or is not the user's to see.
 */
export interface GoneFrame {
  type: "gone";
  stream: string;
}
/**
 * The crew's status has changed.
 */
export interface SignalEvent {
  type: "signal";
  crew_id: string;
  payload: SignalPayload;
  /**
   * 1, 2, 3 ... in its stream.
   */
  seq: number;
  /**
   * UTC, with a Z.
   */
  timestamp: string;
  /**
   * The stream's name; only on /ws/live.
   */
  stream?: string;
  /**
   * The event was cut to 64 KiB.
   */
  truncated?: true;
}
/**
 * ``approvals``: how many tool calls of the crew wait for approval, missing where none.
 */
export interface SignalPayload {
  approvals?: number;
  crewId: string;
  status: "available" | "busy" | "offline";
}
/**
 * The first frame of each stream. ``head`` is its newest ``seq``, ``epoch`` its numbering.
 *
 *     With ``rendered_every_s`` a client may send ``rendered``.
 */
export interface HelloFrame {
  type: "hello";
  stream: string | null;
  epoch: string | null;
  head: number;
  heartbeat_s: number;
  rendered_every_s?: number;
}
/**
 * The heartbeat. ``heads`` holds the newest ``seq`` of each stream of the socket.
 */
export interface PingFrame {
  type: "ping";
  timestamp: string;
  heads: {
    [k: string]: number;
  };
}
/**
 * The answer to a client's ``ping``.
 */
export interface PongFrame {
  type: "pong";
}
/**
 * The new token is accepted. ``expires_at`` is null for an API key.
 */
export interface AuthOkFrame {
  type: "auth_ok";
  expires_at: string | null;
}
/**
 * An error. The socket may close after it. ``code`` is for programs, ``detail`` for people.
 *
 *     On a live socket ``stream`` names the stream of a frame that changed nothing.
 */
export interface ErrorMessageFrame {
  type: "error_message";
  code: number | string;
  detail: string;
  stream?: string;
}
/**
 * On a live socket: a stream was refused or has ended. No frame of it follows.
 *
 *     ``code`` is the close code that a socket of its own would have. The socket stays open.
 */
export interface CloseFrame {
  type: "close";
  stream: string;
  code: number;
  reason: string;
}
/**
 * On a live socket: the answer to ``unsubscribe``. No frame of the stream follows.
 */
export interface UnsubscribedFrame {
  type: "unsubscribed";
  stream: string;
}
/**
 * The figures of the monitoring page, once a second. Null: the database does not answer.
 *
 *     ``latency_ms`` has ``p50``, ``p95`` and ``count`` of each hop that was measured. On a live
 *     socket ``stream`` names the stream.
 */
export interface MetricsFrame {
  type: "metrics";
  timestamp: string;
  database: boolean;
  redis: boolean | null;
  figures: {
    [k: string]: number;
  } | null;
  latency_ms: {
    [k: string]: {
      [k: string]: number;
    };
  };
  stream?: string;
}
