"""What can be found, and which runs are still to be indexed."""

from runs.search.models.document import Document
from runs.search.models.index_job import IndexJob

__all__ = ["Document", "IndexJob"]
