"""The files in ``METRICS_DIR`` in which prometheus_client keeps the counts of each process."""

import re
from pathlib import Path

# As prometheus_client names them: the type, for gauges also how they are added up, the process id.
NAME = re.compile(r"(counter|histogram|summary|gauge_[a-z]+)_\d+\.db")


def remove(directory: Path) -> None:
    """Remove these files, which ended processes have left. Files of other programs stay.

    Raises ``OSError`` if a file cannot be removed.
    """
    for file in directory.iterdir():
        if NAME.fullmatch(file.name) and file.is_file():
            file.unlink()
