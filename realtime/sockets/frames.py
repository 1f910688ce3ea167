"""The control frames: frames other than events that a socket sends and takes, without ``seq``."""

from typing import Any, Literal, NotRequired, TypedDict

from msgspec import UNSET, Struct, UnsetType

from runs.events.fields import ToolOutcome


class SnapshotAgent(TypedDict):
    agent_id: str
    name: str
    role: str
    state: Literal["idle", "working", "done", "error"]
    parent_agent_id: NotRequired[str]


class SnapshotExecution(TypedDict):
    """A tool call. ``output_length``: characters of output before the next event. ``truncated``:
    ``params`` were cut, as they have more than 2 KiB of JSON.
    """

    run_id: str
    agent_id: str
    execution_id: str
    tool: str
    params: dict[str, Any]
    status: Literal["running"] | ToolOutcome
    message: str
    progress: float | None
    exit_code: int | None
    started_at: str
    duration_s: float | None
    output_length: int
    truncated: NotRequired[Literal[True]]


class SnapshotCall(TypedDict):
    """An open model call. ``duration_s``: seconds since its start. ``first_token_s`` is missing
    until the model answers.
    """

    run_id: str
    agent_id: str
    call_id: str
    provider: str
    model: str
    started_at: str
    duration_s: float
    first_token_s: NotRequired[float]


class SnapshotUsage(TypedDict):
    """Totals of a run's ended model calls. Null: no call has reported it."""

    run_id: str
    model_calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    calls_without_usage: int
    calls_without_cost: int


class SnapshotHandoff(TypedDict):
    run_id: str
    from_agent_id: str
    to_agent_id: str
    message: str


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """The first frame of each stream. ``head`` is its newest ``seq``, ``epoch`` its numbering.

    With ``rendered_every_s`` a client may send ``rendered``.
    """

    stream: str | None
    epoch: str | None
    head: int
    heartbeat_s: float
    rendered_every_s: float | UnsetType = UNSET


class Snapshot(Frame, frozen=True, kw_only=True, tag="snapshot"):
    """A crew's graph as it was after event ``seq``; the events that follow apply to it.

    ``executions``, oldest first, are those of the runs under way and of the newest run. So are
    ``calls`` (the open ones), ``usage`` and ``handoffs`` (the newest).
    """

    stream: str
    seq: int
    agents: list[SnapshotAgent]
    executions: list[SnapshotExecution]
    calls: list[SnapshotCall] = []
    usage: list[SnapshotUsage] = []
    handoffs: list[SnapshotHandoff] = []


class Reset(Frame, frozen=True, kw_only=True, tag="reset"):
    """The server does not know the client's position: forget the stream, it starts again."""

    stream: str
    epoch: str
    head: int
    reason: Literal["epoch_changed", "pruned", "ahead"]


class Gone(Frame, frozen=True, kw_only=True, tag="gone"):
    """One stream of several has ended: its crew was deleted, or is not the user's to see."""

    stream: str


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    """The heartbeat. ``heads`` holds the newest ``seq`` of each stream of the socket."""

    timestamp: str
    heads: dict[str, int]


class Metrics(Frame, frozen=True, kw_only=True, tag="metrics"):
    """The figures of the monitoring page, once a second. Null: the database does not answer.

    ``latency_ms`` has ``p50``, ``p95`` and ``count`` of each hop that was measured. On a live
    socket ``stream`` names the stream.
    """

    timestamp: str
    database: bool
    redis: bool | None
    figures: dict[str, float] | None
    latency_ms: dict[str, dict[str, float]]
    stream: str | UnsetType = UNSET


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    """The answer to a client's ``ping``."""


class AuthOk(Frame, frozen=True, kw_only=True, tag="auth_ok"):
    """The new token is accepted. ``expires_at`` is null for an API key."""

    expires_at: str | None


class ErrorMessage(Frame, frozen=True, kw_only=True, tag="error_message"):
    """An error. The socket may close after it. ``code`` is for programs, ``detail`` for people.

    On a live socket ``stream`` names the stream of a frame that changed nothing.
    """

    code: int | str
    detail: str
    stream: str | UnsetType = UNSET


class Close(Frame, frozen=True, kw_only=True, tag="close"):
    """On a live socket: a stream was refused or has ended. No frame of it follows.

    ``code`` is the close code that a socket of its own would have. The socket stays open.
    """

    stream: str
    code: int
    reason: str


class Unsubscribed(Frame, frozen=True, kw_only=True, tag="unsubscribed"):
    """On a live socket: the answer to ``unsubscribe``. No frame of the stream follows."""

    stream: str


class ClientPing(Frame, frozen=True, kw_only=True, tag="ping"):
    """Asks for a ``pong``."""


class ClientPong(Frame, frozen=True, kw_only=True, tag="pong"):
    """The answer to a ``ping``; welcome and not required."""


class Auth(Frame, frozen=True, kw_only=True, tag="auth"):
    """A fresh access token, before the one in use expires."""

    token: str


class Rendered(Frame, frozen=True, kw_only=True, tag="rendered"):
    """How long an event took from the server's socket until a page showed it.

    Only where ``hello`` has ``rendered_every_s``, and at most once in so many seconds.
    """

    stream: str
    ms: float


class WantedStream(TypedDict):
    """A stream that a client wants, and its position. Without ``since`` it begins as a new one."""

    stream: str
    since: NotRequired[int | None]
    epoch: NotRequired[str | None]


class Subscribe(Frame, frozen=True, kw_only=True, tag="subscribe"):
    """Asks for a stream, or for each of ``streams``."""

    stream: str | UnsetType = UNSET
    since: int | UnsetType | None = UNSET
    epoch: str | UnsetType | None = UNSET
    streams: list[WantedStream] | UnsetType = UNSET


class Unsubscribe(Frame, frozen=True, kw_only=True, tag="unsubscribe"):
    """Ends a stream, or each of ``streams``."""

    stream: str | UnsetType = UNSET
    streams: list[str] | UnsetType = UNSET


METRICS = (Metrics,)  # only on /ws/metrics and /ws/live
OF_EVERY_SOCKET = (Hello, Snapshot, Reset, Gone, Ping, Pong, AuthOk, ErrorMessage)
SERVER = (*OF_EVERY_SOCKET, Close, Unsubscribed, *METRICS)
TO_EVERY_SOCKET = (ClientPing, ClientPong, Auth, Rendered)
CLIENT = (*TO_EVERY_SOCKET, Subscribe, Unsubscribe)
