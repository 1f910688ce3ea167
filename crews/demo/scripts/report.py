"""Reports on the checkout: what each module and each test file holds, and who wrote it."""

import ast
import subprocess
import time
from pathlib import Path

PAUSE_S = 0.25  # between lines, so that one can watch them come


def show(line: str) -> None:
    print(line, flush=True)
    time.sleep(PAUSE_S)


show("Report on the checkout")
total_lines = total_tests = 0
for path in sorted(Path().rglob("*.py")):
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    tests = sum(function.name.startswith("test_") for function in functions)
    lines = len(text.splitlines())
    total_lines, total_tests = total_lines + lines, total_tests + tests
    show(f"  {path!s:26} {lines:4} lines  {len(functions):3} functions  {tests:3} tests")
show(f"  {'in all':26} {total_lines:4} lines                 {total_tests:3} tests")
show("Commits by author")
log = subprocess.run(["git", "log", "--format=%an"], capture_output=True, text=True, check=True)
authors = log.stdout.split("\n")[:-1]
for author in sorted(set(authors)):
    show(f"  {author:26} {authors.count(author):4}")
show("Done.")
