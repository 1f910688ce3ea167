"""Records what real tools write to a terminal: ``python -m runs.tests.output.record``.

Rewrites the recordings in ``vectors.json``, which the tests of the page and of the server read.
What the lines should be is a person's to say: look at the difference. Needs git, npm, and in the
running Python pip, pytest, rich and tqdm. Outputs name no path: each tool runs in a directory of
its own.
"""

import fcntl
import functools
import http.server
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import zipfile
from pathlib import Path

VECTORS = Path(__file__).with_name("vectors.json")
COLUMNS, ROWS = 100, 30
OUTPUT_AT_MOST = 20_000  # characters of a recording

TQDM = """
import time
from tqdm import tqdm
for part in tqdm(range(3), desc="parts"):
    for item in tqdm(range(40), desc=f"part {part}", leave=part == 1):
        time.sleep(0.005)
    tqdm.write(f"part {part} is done")
"""
RICH = """
import time
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
console = Console(force_terminal=True, color_system="truecolor")
with Progress(TextColumn("{task.description}"), BarColumn(), console=console,
              refresh_per_second=8) as progress:
    whole = progress.add_task("[red]Whole", total=3)
    for number in range(3):
        part = progress.add_task(f"[#3fb68b]Part {number}", total=20)
        for _ in range(20):
            progress.advance(part)
            time.sleep(0.01)
        progress.advance(whole)
        progress.console.print(f"Part [bold]{number}[/bold] is done")
table = Table("Name", "Result")
table.add_row("[link=https://example.org/one]one[/link]", "[green]good[/green]")
table.add_row("日本語", "[reverse]broken[/reverse]")
console.print(table)
"""
CARGO = """
import sys, time
crates = ["libc", "serde", "tokio", "hyper"]
for number, crate in enumerate(crates, 1):
    bar = "=" * (number * 5) + ">"
    sys.stderr.write(f"\\r\\x1b[K\\x1b[0m\\x1b[1m\\x1b[32m   Compiling\\x1b[0m {crate} v1.0.{number}\\n")
    sys.stderr.write(f"\\x1b[0m\\x1b[1m\\x1b[36m    Building\\x1b[0m [{bar:<24}] {number}/4: {crate}")
    time.sleep(0.01)
sys.stderr.write("\\r\\x1b[K\\x1b[0m\\x1b[1m\\x1b[32m    Finished\\x1b[0m release [optimized]\\n")
"""
PYTEST = """
def test_good(): pass
def test_also_good(): pass
def test_broken():
    assert [1, 2] == [1, 3]
"""


def main() -> None:
    known = {vector["name"]: vector for vector in json.loads(VECTORS.read_text())}
    with tempfile.TemporaryDirectory() as directory:
        for name, output in recordings(Path(directory)):
            assert len(output) <= OUTPUT_AT_MOST, f"{name}: {len(output)} characters"
            assert directory not in output, f"{name}: names a path"
            known[name] = {
                "name": name,
                "output": output,
                "lines": known.get(name, {}).get("lines"),
            }
    VECTORS.write_text(json.dumps([*known.values()], indent=1, ensure_ascii=True) + "\n")


def recordings(at: Path):
    python = sys.executable
    for name, script in (("tqdm", TQDM), ("rich", RICH), ("cargo, as it draws", CARGO)):
        yield name, record([python, "-c", script], at)
    (at / "test_some.py").write_text(PYTEST)
    quiet = ["--no-header", "--color=yes", "-p", "no:cacheprovider"]
    yield "pytest", record([python, "-m", "pytest", *quiet, "test_some.py"], at)
    yield "git clone", record(["git", "clone", "--no-local", "source", "copy"], repository(at))
    (at / "one").mkdir()
    (at / "one/package.json").write_text('{"name": "one", "version": "1.0.0"}')
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "./one"]
    yield "npm install", record(npm, at)
    with package_index(at) as index:
        pip = ["-m", "pip", "--isolated", "--no-cache-dir", "--disable-pip-version-check"]
        get = ["download", "--no-deps", "--index-url", index, "wide"]
        yield "pip download", record([python, *pip, *get], at).replace(index, "http://127.0.0.1")


def record(command: list[str], at: Path) -> str:
    """What the command writes to a terminal of `COLUMNS` and `ROWS`."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    kept = {"PATH": os.environ["PATH"], "HOME": str(at), "TERM": "xterm-256color"}
    env = kept | {"LANG": "C.UTF-8", "COLORTERM": "truecolor", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, cwd=at, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    read = []
    while True:
        try:
            read.append(os.read(master, 65536))
        except OSError:  # EIO: the last process has closed it
            break
    process.wait()
    os.close(master)
    return b"".join(read).decode()


def repository(at: Path) -> Path:
    git = functools.partial(subprocess.run, cwd=at / "source", check=True, capture_output=True)
    (at / "source").mkdir()
    for number in range(300):
        (at / f"source/file-{number}").write_bytes(os.urandom(2_000))
    git(["git", "init", "--quiet"])
    git(["git", "add", "."])
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    git(["git", *who, "commit", "--quiet", "-m", "Files"])
    return at


class package_index:
    """An index of packages on loopback, with one of 3 MB."""

    def __init__(self, at: Path) -> None:
        name = "wide-1.0-py3-none-any.whl"
        (at / "simple/wide").mkdir(parents=True)
        (at / "simple/wide/index.html").write_text(f'<a href="{name}">{name}</a>')
        with zipfile.ZipFile(at / "simple/wide" / name, "w") as wheel:
            wheel.writestr("wide/data", os.urandom(3_000_000))
            wheel.writestr("wide-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr(
                "wide-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wide\nVersion: 1.0\n"
            )
            wheel.writestr("wide-1.0.dist-info/RECORD", "")
        handler = functools.partial(Quiet, directory=str(at))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main()
