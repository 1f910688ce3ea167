"""The documents that can be found, and the runs that are still to be indexed."""

from runs.search.models.document import Document
from runs.search.models.index_job import IndexJob

__all__ = ["Document", "IndexJob"]
