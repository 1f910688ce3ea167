"""What the figures are to reach, and whether they do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.deployment import POSTGRESQL, SQLITE
from benchmarks.figures import controls, search, tracing
from benchmarks.figures.browser_moments import JUMPS, TABS
from benchmarks.figures.emission import BATCH
from benchmarks.figures.group_commit import TOGETHER
from benchmarks.figures.ingest import CONNECTIONS, SOCKETS, SPANS
from benchmarks.figures.sdk import CALLS
from benchmarks.sample import Sample, by_case
from benchmarks.servers import CHANNELS, FASTAPI, NCHAN, OURS

Case = tuple[str, str, int | None]  # figure, case, sockets


@dataclass(frozen=True)
class Target:
    """A value of a case, or its ratio to another case's: the median over the rounds."""

    what: str
    reach: float
    value: str
    case: Case
    beside: Case | None = None
    least: bool = False  # the figure is to be this at least, else at most

    def measured(self, samples: Iterable[Sample]) -> bool:
        rounds = by_case(samples)
        return self.case in rounds and (self.beside is None or self.beside in rounds)

    def row(self, samples: Iterable[Sample]) -> str:
        rounds = by_case(samples)
        values = [values[self.value] for values in rounds[self.case]]
        if self.beside:
            others = [values[self.value] for values in rounds[self.beside]]
            values = [value / other for value, other in zip(values, others, strict=False)]
        reached = median(values) >= self.reach if self.least else median(values) <= self.reach
        sign, mark = "≥" if self.least else "≤", "✓" if reached else "✗"
        return f"| {self.what} | {median(values):,.3g} | {sign} {self.reach:,g} | {mark} |"


def _ours(sockets: int) -> Case:
    return ("delivery", OURS.name, sockets)


def _cpu(sockets: int, peer: str, reach: float) -> Target:
    what = f"CPU a delivery, {sockets:,} sockets, ours : {peer}"
    return Target(what, reach, "cpu_us", _ours(sockets), ("delivery", peer, sockets))


def _p99(peer: str, reach: float) -> Target:
    what = f"p99, 1,000 sockets, ours : {peer}"
    return Target(what, reach, "p99_ms", _ours(1_000), ("delivery", peer, 1_000))


def _wire(server: str, form: str) -> Case:
    return ("wire", f"{server}, {form}", 1_000)


def _small(value: str, reach: float) -> Target:
    name = {"bytes": "bytes", "cpu_us": "CPU"}[value]
    what = f"{name} a delivery, 1,000 sockets, MessagePack and deflate : JSON"
    small, plain = (_wire(OURS.name, form) for form in ("MessagePack, deflate", "JSON"))
    return Target(what, reach, value, small, plain)


def _each(database: str) -> list[Target]:
    long, short = (("growth", f"{database}, {n:,} events", None) for n in (1_000_000, 1_000))
    tools = ("group-commit", f"{database}, {TOGETHER}", None)
    spans = ("ingest", f"{database}, {SPANS} spans a call, {CONNECTIONS} connections", None)
    live = ("ingest-live", f"{database}, {SOCKETS} sockets", None)
    way = f"100,000 spans, {SPANS} a call, {CONNECTIONS} connections"
    otlp = ("traces", f"{database}, {way}", None)
    case: Callable[[str], Case] = lambda figure: (figure, database, None)  # noqa: E731
    return [
        Target(f"commit → frame, {database}, p50 ms", 5, "p50_ms", case("commit")),
        Target(f"commit → frame, {database}, p99 ms", 25, "p99_ms", case("commit")),
        Target(f"50 tools, reports/s, {database}", 980, "per_s", tools, least=True),
        Target(f"50 tools, reports, {database}, p99 ms", 200, "p99_ms", tools),
        Target(f"spans/s, {database}", 5_000, "per_s", spans, least=True),
        Target(f"OpenTelemetry spans/s, {database}", 5_000, "per_s", otlp, least=True),
        Target(f"memory while 100,000 spans come, {database}, MB", 30, "mb", otlp),
        Target(f"report answered → frame, {database}, p50 ms", 15, "p50_ms", live),
        Target(f"report answered → frame, {database}, p99 ms", 60, "p99_ms", live),
        Target(f"connects a second, {database}", 400, "per_s", case("connects"), least=True),
        Target(f"connects, {database}, p99 ms", 250, "p99_ms", case("connects")),
        Target(f"KB an idle socket, {database}", 30, "kb", case("connects")),
        Target(f"resume, events/s, {database}", 30_000, "per_s", case("resume"), least=True),
        Target(f"resume, server memory MB, {database}", 20, "mb", case("resume")),
        Target(f"append, 1,000,000 : 1,000 events, {database}", 1.2, "append_ms", long, short),
        Target(f"page, 1,000,000 : 1,000 events, {database}", 1.2, "page_ms", long, short),
    ]


def _steered(database: str) -> list[Target]:
    each: Callable[[str, str], Case] = lambda figure, case: (figure, f"{database}, {case}", None)  # noqa: E731
    cancel, pause, approve = (
        each("controls", case) for case in (controls.CANCEL, controls.PAUSE, controls.APPROVE)
    )
    parallel = each("controls-parallel", controls.PARALLEL)
    step, page = each("controls-steps", controls.STEP), each("controls-page", controls.PAGE)
    return [
        Target(f"{controls.CANCEL}, {database}, p95 ms", 1_000, "p95_ms", cancel),
        Target(f"{controls.PAUSE}, {database}, p95 ms", 500, "p95_ms", pause),
        Target(f"{controls.APPROVE}, {database}, p50 ms", 60, "p50_ms", approve),
        Target(f"{controls.APPROVE}, {database}, p95 ms", 150, "p95_ms", approve),
        Target(f"{controls.PARALLEL}, {database}, s", 12, "run_s", parallel),
        Target(f"{controls.STEP}, {database}, ms over the command", 30, "overhead_ms", step),
        Target(f"page of {controls.PAGE}, {database}, ms", 200, "ms", page),
        Target(f"page of {controls.PAGE}, {database}, queries", 15, "queries", page),
    ]


def _host(server: str) -> list[Target]:
    case = ("sdk", f"server {server}, {CALLS:,} tools", None)
    return [
        Target(f"an event of the SDK, server {server}, p50 µs", 20, "p50_us", case),
        Target(f"an event of the SDK, server {server}, p99 µs", 100, "p99_us", case),
        Target(f"{CALLS:,} tools, server {server}, slower by %", 2, "slower_percent", case),
    ]


def _stored() -> Target:
    what = f"spans/s stored on SQLite, ours : {tracing.PHOENIX.name}"
    ours, phoenix = (("tracing", name, None) for name in (OURS.name, tracing.PHOENIX.name))
    return Target(what, 20, "stored_per_s", ours, phoenix, least=True)


def _searches(database: str) -> list[Target]:
    return [
        Target(f"search, {database}, {name}, p95 ms", 300, "p95_ms", case)
        for name in search.SEARCHES
        for case in [("search", f"{database}, 2,000,000 events, {name}", None)]
    ]


def _browser() -> list[Target]:
    run: Case = ("browser-pages", "now, ended run", None)
    jumps = {page: ("browser-moments", f"{page} page, {JUMPS} jumps", None) for page in PAGES}
    return [
        Target("run of 20,000 tools, first paint ms", 1_500, "first_paint_ms", run),
        Target("run of 20,000 tools, heap MB", 150, "heap_mb", run),
        Target("run of 20,000 tools, frames a second", 59, "frames_per_s", run, least=True),
        Target("viewer of a large run, % of a core", 2, "server_percent", LIVE_PAGE),
        Target("viewer of a large run, KB/s", 20, "kb_per_s", LIVE_PAGE),
        *(
            Target(f"jump in 100,000 events, {page} page, p95 ms", 100, "p95_ms", case)
            for page, case in jumps.items()
        ),
        Target(f"sockets of {TABS} tabs", 1, "opened", TABS_CASE),
        Target("a new tab is live, p95 ms", 150, "p95_ms", TABS_CASE),
    ]


def _emission(database: str, kind: str) -> Case:
    return ("emission", f"{database}, {kind}", None)


PAGES = ("crew", "run")
TABS_CASE: Case = ("browser-tabs", f"{TABS} tabs", None)
LIVE_PAGE: Case = ("browser-live", "now", None)
REPORT, BATCHED = "progress report of a tool", f"append of {BATCH} in one transaction"
TARGETS = [
    _cpu(200, FASTAPI.name, 0.55),
    _cpu(1_000, FASTAPI.name, 0.45),
    _cpu(200, CHANNELS.name, 0.15),
    _cpu(1_000, CHANNELS.name, 0.15),
    _p99(FASTAPI.name, 1.0),
    _p99(NCHAN.name, 1.5),
    Target("4,000 sockets, share delivered", 1, "delivered", _ours(4_000), least=True),
    Target("4,000 sockets, p50 ms", 60, "p50_ms", _ours(4_000)),
    Target("4,000 sockets, p99 ms", 300, "p99_ms", _ours(4_000)),
    Target(
        "emission, PostgreSQL, events/s", 1_000, "per_s", _emission(POSTGRESQL, REPORT), least=True
    ),
    Target("emission, PostgreSQL, p50 ms", 1.2, "p50_ms", _emission(POSTGRESQL, REPORT)),
    Target(
        "emission, PostgreSQL, batched", 10_000, "per_s", _emission(POSTGRESQL, BATCHED), least=True
    ),
    _small("bytes", 0.35),
    _small("cpu_us", 1.25),
    Target(
        "CPU a delivery, 1,000 sockets, SSE : WebSocket",
        1.3,
        "cpu_us",
        _wire(OURS.name, "SSE"),
        _wire(OURS.name, "JSON"),
    ),
    Target(
        "CPU a delivery, deflate, 1,000 sockets, ours with MessagePack : FastAPI hub",
        0.15,
        "cpu_us",
        _wire(OURS.name, "MessagePack, deflate"),
        _wire(FASTAPI.name, "JSON, deflate"),
    ),
    *_browser(),
    _stored(),
    *(target for state in ("up", "hung", "away") for target in _host(state)),
    *_steered(POSTGRESQL),
    *_steered(SQLITE),
    *_each(POSTGRESQL),
    *_each(SQLITE),
    *_searches(POSTGRESQL),
    *_searches(SQLITE),
]
