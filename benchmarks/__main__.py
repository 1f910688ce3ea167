"""``python -m benchmarks``: measures ours and its peers, round after round, one beside the other.

Writes the table, the plot and every sample below ``benchmarks/results/``. The machine should have
nothing else to do; ratios hold better than figures where it has.
"""

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.plot import plot
from benchmarks.report import report
from benchmarks.rounds import FIGURES, Effort
from benchmarks.sample import Sample, medians

RESULTS = Path(__file__).with_name("results")
FULL = Effort(
    sockets=(200, 1_000, 4_000), seconds=5.0, connects=5_000, missed=100_000, log=1_000_000,
    controls=40, runs=100_000, documents=500_000,
)  # fmt: skip
QUICK = Effort(
    sockets=(200, 1_000),
    seconds=2.0,
    connects=1_000,
    missed=20_000,
    log=50_000,
    controls=20,
    runs=20_000,
    documents=50_000,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", help=f"figures, separated by commas, of {', '.join(FIGURES)}", metavar="FIGURES"
    )
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 1")
    parser.add_argument("--quick", action="store_true", help="a rough look in a few minutes")
    parser.add_argument(
        "--old", type=Path, help="a checkout of another commit, to measure its pages beside ours"
    )
    given = parser.parse_args()
    chosen = given.only.split(",") if given.only else list(FIGURES)
    if unknown := set(chosen) - FIGURES.keys():
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    rounds = given.rounds or (1 if given.quick else 5)
    effort = replace(QUICK if given.quick else FULL, old=given.old and given.old.resolve())
    samples, notes = [], []
    try:
        for name in chosen:
            for sample in FIGURES[name](effort, rounds, notes):
                samples.append(sample)
                _say(sample)
    finally:
        if samples:
            _write(samples, notes, rounds)


def _say(sample: Sample) -> None:
    values = "  ".join(f"{name} {value:,.4g}" for name, value in sample.values.items())
    print(f"{time.strftime('%H:%M:%S')} {sample.figure}: {sample.case}: {values}", flush=True)


def _write(samples: list[Sample], notes: list[str], rounds: int) -> None:
    RESULTS.mkdir(exist_ok=True)
    raw = {"rounds": rounds, "notes": notes, "samples": [asdict(sample) for sample in samples]}
    (RESULTS / "results.json").write_text(json.dumps(raw, indent=1))
    text = report(samples, notes, rounds)
    (RESULTS / "results.md").write_text(text)
    if delivered := [sample for sample in medians(samples) if sample.figure == "delivery"]:
        plot(delivered, RESULTS / "delivery.png")
    print(f"\n{text}\nWritten to {RESULTS}")


if __name__ == "__main__":
    main()
