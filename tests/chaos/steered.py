"""``python steered.py RUN CONTROL``: a program whose run is steered, on what CREWOPS_URL names.

``approval``: one call that waits for a person. Otherwise: calls until the run is cancelled, and it
reads its messages between them.
"""

import sys
import time

import crewops_client as crewops

WORK_S = 3.0  # that the approved call takes
CALL_S = 0.3  # so long a control that was acknowledged may wait until it is applied


def main(key: str, control: str) -> None:
    with crewops.run("chaos", key=key) as run:
        if control == "approval":
            with run.tool("deploy", approve=True, code=control):
                time.sleep(WORK_S)
        while control != "approval":
            with run.tool("count"):
                time.sleep(CALL_S)
            for _ in run.messages():
                pass


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
