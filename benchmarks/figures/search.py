"""How long a page of the search takes, with a long index: see `benchmarks.documents`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from benchmarks.deployment import Deployment
from benchmarks.processes import PROJECT, python
from benchmarks.sample import Sample, percentile

EVENTS = 4  # of a document: a tool call starts, reports twice and ends
REQUESTS = 20  # of each search in a round
SEARCHES = {
    "a word of half of the documents": {"q": "half"},
    "the same, failed": {"q": "half", "outcome": "failed"},
    "a word of a hundredth": {"q": "hundredth"},
    "a word of 1 in 10,000": {"q": "tenthousandth"},
    "a word of one document, the oldest": {"q": "oldest"},
    "a word of none": {"q": "never"},
    "the beginning of 1,111 words": {"q": "word1"},
    "a phrase of frequent words, in 1 of 50": {"q": '"exit code"'},
    "a word of a sixth, none of the newest tenth": {"q": "formerly"},
    "three frequent words": {"q": "word0 word1 half"},
}


@contextmanager
def filled(deployed: Deployment, documents: int) -> Iterator[subprocess.Popen[str]]:
    """A process that answers searches among so many documents."""
    process = subprocess.Popen(
        python("-m", "benchmarks.documents", "--number", str(documents)),
        cwd=PROJECT,
        env=deployed.environment | {"LOG_LEVEL": "ERROR"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _read(process)
        yield process
    finally:
        process.communicate()


def measure(database: str, documents: int, process: subprocess.Popen[str]) -> Iterator[Sample]:
    """The milliseconds of the page with the first results of each search."""
    for name, parameters in SEARCHES.items():
        answers = []
        for _ in range(REQUESTS):
            process.stdin.write(f"{urlencode(parameters)}\n")
            process.stdin.flush()
            answers.append(_read(process))
        spent = [answer["ms"] for answer in answers]
        case = f"{database}, {documents * EVENTS:,} events, {name}"
        percentiles = {f"p{share}_ms": percentile(spent, share) for share in (50, 95)}
        yield Sample("search", case, {**percentiles, "results": answers[0]["results"]})


def _read(process: subprocess.Popen[str]) -> dict[str, float]:
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("The process of the searches ended; its output is above.")
    return json.loads(line)
