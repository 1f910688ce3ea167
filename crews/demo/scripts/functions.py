"""Lists the longest functions of the checkout."""

import ast
import time
from pathlib import Path

PAUSE_S = 0.5  # between files, so that one can watch them come

lengths = []
for path in sorted(Path().rglob("*.py")):
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    ]
    lengths += [(node.end_lineno - node.lineno + 1, path, node.name) for node in functions]
    print(f"  {path!s:26} {len(functions):3} functions", flush=True)
    time.sleep(PAUSE_S)
print("The longest:")
for length, path, name in sorted(lengths, key=lambda found: -found[0])[:5]:
    print(f"  {length:3} lines  {name} in {path}")
