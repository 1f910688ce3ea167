"""``var/prefect/bin/python prefect_flow.py``: a flow whose only step is the tree of processes that
the benchmark of controls cancels."""

import subprocess

from prefect import flow


@flow
def tree(code: str) -> None:
    subprocess.run(["bash", "-c", code], check=True)


if __name__ == "__main__":
    tree.serve(name="bench", limit=3)
