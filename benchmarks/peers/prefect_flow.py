"""``var/prefect/bin/python prefect_flow.py``: the flow that the benchmark of controls cancels."""

import subprocess

from prefect import flow


@flow
def tree(code: str) -> None:
    subprocess.run(["bash", "-c", code], check=True)


if __name__ == "__main__":
    tree.serve(name="bench", limit=3)
