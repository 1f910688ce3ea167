from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "runs.search"
    label = "search"
    verbose_name = "Search"

    def ready(self) -> None:
        from runs.execution import background
        from runs.search import signals  # noqa: F401  connects its receivers
        from runs.search.indexer import Indexer

        background.register(Indexer)
