"""The scheduler's thread that makes the search index. Several schedulers may do so at once."""

from runs.execution.background import Looking
from runs.search import indexing


class Indexer(Looking):
    """Looks once a second for runs with data to index.

    After each part it rests for as long as the part took, so that half of the time nothing waits
    for it, on SQLite above all.
    """

    name = "search index"
    due = "documents of the search"

    def look(self) -> None:
        indexing.look(self._goes_on)

    def _goes_on(self, took_s: float) -> bool:
        return not self._over.wait(took_s)
