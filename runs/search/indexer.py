"""The scheduler's thread that makes the search index. Several schedulers may do so at once."""

from runs.execution.background import PeriodicThread
from runs.search import indexing


class Indexer(PeriodicThread):
    """Checks once a second for runs with data to index.

    After each part it rests for as long as the part took, so that half of the time nothing waits
    for it, on SQLite above all.
    """

    name = "search index"
    due = "documents of the search"

    def run_once(self) -> None:
        indexing.index_due(self._goes_on)

    def _goes_on(self, took_s: float) -> bool:
        return not self._over.wait(took_s)
