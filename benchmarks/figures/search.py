"""How long a page of the search takes, with a long index: see `benchmarks.documents`."""

from collections.abc import Iterator
from urllib.parse import urlencode

from benchmarks.deployment import Deployment
from benchmarks.line_process import LineProcess
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


def filled(deployed: Deployment, documents: int) -> LineProcess:
    """A process that answers searches among so many documents, as soon as it has a first line."""
    return LineProcess(deployed, "benchmarks.documents", "--number", str(documents))


def measure(database: str, documents: int, process: LineProcess) -> Iterator[Sample]:
    """The milliseconds of the page with the first results of each search."""
    for name, parameters in SEARCHES.items():
        answers = [process.ask(urlencode(parameters)) for _ in range(REQUESTS)]
        spent = [answer["ms"] for answer in answers]
        case = f"{database}, {documents * EVENTS:,} events, {name}"
        percentiles = {f"p{share}_ms": percentile(spent, share) for share in (50, 95)}
        yield Sample("search", case, {**percentiles, "results": answers[0]["results"]})
