"""``python -m benchmarks.documents --number N``: fills the search index, then answers searches.

A line of its input is the query of a search page. It asks for that page through Django's test
client and prints a line of JSON: the milliseconds and the number of results.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from runs.models import Run  # noqa: E402
from runs.search import indexing  # noqa: E402
from runs.search.models import Document  # noqa: E402
from runs.search.models.document import new_id  # noqa: E402
from runs.search.words import words_of  # noqa: E402
from tests.large_database import RUN, Grown, grow, pk  # noqa: E402

WORDS = 80  # of a document
VOCABULARY = [f"word{number}" for number in range(20_000)]
# The n-th word is n times as rare as the first, as in any language.
FREQUENCIES = list(accumulate(1 / rank for rank in range(1, len(VOCABULARY) + 1)))
RUNS = 1_000
BATCH = 2_000
APART_S = 20  # between two documents: 500,000 are 4 months
NEWER = 0.1  # share of the documents after the last with the word "formerly"


def fill(number: int) -> Grown:
    """Add ``number`` documents of tool calls, with words of known frequencies."""
    grown = grow(RUNS, crews=20)
    Document.objects.unscoped().all().delete()
    runs = list(Run.objects.unscoped().filter(crew__organization=grown.organization))
    began, source = timezone.now() - timedelta(seconds=number * APART_S), random.Random(0)
    for first in range(0, number, BATCH):
        with transaction.atomic():
            documents = [
                _document(each, number, runs[each * RUNS // number], began, source)
                for each in range(first, min(first + BATCH, number))
            ]
            indexing.insert(documents, [words_of(document.text) for document in documents])
    if connection.vendor == "postgresql":  # as its autovacuum does
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE search_document")
    return grown


def _document(each: int, number: int, run: Run, began: datetime, source: random.Random) -> Document:
    words = source.choices(VOCABULARY, cum_weights=FREQUENCIES, k=WORDS)
    words += _known(each, number)
    ended_at = began + timedelta(seconds=each * APART_S)
    return Document(
        id=new_id(ended_at),
        organization_id=run.crew.organization_id,
        crew_id=run.crew_id,
        run=run,
        kind=Document.Kind.TOOL,
        object_id=pk(RUN, 10**9 + each),
        outcome="failed" if each % 20 == 0 else "succeeded",
        ended_at=ended_at,
        name="script",
        text=" ".join(words),
    )


def _known(each: int, number: int) -> Iterator[str]:
    for word, every in (("half", 2), ("hundredth", 100), ("tenthousandth", 10_000)):
        if each % every == 0:
            yield word
    if each % 50 == 0:
        yield "exit code"
    else:
        yield from ("code", "exit")
    if each % 6 == 0 and each < number * (1 - NEWER):
        yield "formerly"
    if each == 0:
        yield "oldest"


def search(client: Client, query: str) -> dict[str, float]:
    began = time.perf_counter()
    answer = client.get(f"/search/?{query}", secure=True)
    spent_s = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{query} answered {answer.status_code}")
    return {"ms": spent_s * 1e3, "results": answer.content.count(b"<mark")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, required=True)
    given = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]  # as its client says
    grown = fill(given.number)
    client = Client()
    client.force_login(grown.admin)
    search(client, "q=half")
    print(json.dumps({"documents": given.number}), flush=True)
    for line in sys.stdin:
        print(json.dumps(search(client, line.strip())), flush=True)


if __name__ == "__main__":
    main()
