"""Checks the style of the checkout: the length of lines, spaces at their ends, docstrings."""

import ast
import sys
import time
from pathlib import Path

PAUSE_S = 0.5  # between files, so that one can watch them come
LONGEST = 100

faults = 0
for path in sorted(Path().rglob("*.py")):
    text = path.read_text()
    found = [
        f"line {number}: {fault}"
        for number, line in enumerate(text.splitlines(), start=1)
        for fault, is_there in (
            (f"longer than {LONGEST} characters", len(line) > LONGEST),
            ("spaces at its end", line != line.rstrip()),
        )
        if is_there
    ]
    if text and not path.name.startswith("test_") and not ast.get_docstring(ast.parse(text)):
        found.append("no docstring")
    print(f"  {path!s:26} {', '.join(found) or 'fine'}", flush=True)
    faults += len(found)
    time.sleep(PAUSE_S)
print(f"{faults} faults.")
sys.exit(bool(faults))
