"""What one writer gets done: saved, logged, committed and published; singly and batched."""

from benchmarks.deployment import Deployment
from benchmarks.sample import Sample

BATCH = 500  # events a transaction


def measure(database: str, deployed: Deployment, seconds: float) -> list[Sample]:
    """``per_s`` events a second; ``cpu_ms`` of the writer, ``p50_ms`` and ``p99_ms`` of one write.

    A bare commit is what the database and its disk cost by themselves: one statement, one row.
    """
    floor = deployed.write("commit", stream="graph:emission", seconds=seconds)
    reported = deployed.write("emit", execution=deployed.seed["execution"], seconds=seconds)
    single = deployed.write("append", stream="graph:emission", seconds=seconds, batch=1)
    batched = deployed.write("append", stream="graph:emission", seconds=seconds, batch=BATCH)
    batched["per_s"] *= BATCH
    return [
        Sample("emission", f"{database}, bare commit of one row", floor),
        Sample("emission", f"{database}, progress report of a tool", reported),
        Sample("emission", f"{database}, append of one event", single),
        Sample("emission", f"{database}, append of {BATCH} in one transaction", batched),
    ]
