"""The same events in each form that a socket may have: bytes on the wire and CPU of the server."""

import subprocess

from benchmarks.deployment import Deployment
from benchmarks.figures.delivery import DRAIN_S, RATE, WARM_S
from benchmarks.load import DEFLATED, EVENT_STREAM, PACKED
from benchmarks.processes import PROJECT
from benchmarks.sample import Sample
from benchmarks.servers import Server

JSON = "JSON"
FORMS = {
    JSON: (),
    "JSON, deflate": (DEFLATED,),
    "MessagePack": (PACKED,),
    "MessagePack, deflate": (PACKED, DEFLATED),
    "SSE": (EVENT_STREAM,),
}


def measure(
    server: Server, deployed: Deployment, form: str, sockets: int, seconds: float
) -> Sample:
    """One server, all sockets in one form, and output of real tools. Values:

    ``bytes``: on the wire for one delivery, with the frame's head
    ``cpu_us``: of the server for one delivery
    ``delivered``: share of what was due that arrived within ``DRAIN_S``
    """
    due = round(RATE * seconds)
    with server.run(deployed) as running, running.load(offer=FORMS[form]) as load:
        load.open_all(sockets)
        command = running.publisher(rate=RATE, warm_s=WARM_S, seconds=seconds)
        with subprocess.Popen(
            [*command, "--output", "real"],
            cwd=PROJECT, env=deployed.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        ) as publisher:  # fmt: skip
            publisher.stdout.readline()
            load.wait(round(RATE * WARM_S), DRAIN_S)
            load.report()
            cpu_s = running.process.cpu_s()
            publisher.stdin.write("go\n")
            publisher.stdin.flush()
            load.wait(due, seconds + DRAIN_S)
            cpu_s = running.process.cpu_s() - cpu_s
            counts, _ = load.report()
            publisher.stdout.readline()
    return Sample(
        "wire",
        f"{server.name}, {form}",
        {
            "sockets": sockets,
            "bytes": counts["bytes"] / counts["events"],
            "cpu_us": cpu_s / counts["events"] * 1e6,
            "delivered": counts["events"] / (due * sockets),
        },
    )
