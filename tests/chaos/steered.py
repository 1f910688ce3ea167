"""``python steered.py RUN STORY``: a program whose run is steered, on what CREWOPS_URL names.

``approval``: one call that waits for a person. ``control``: calls until the run is cancelled.
"""

import sys
import time

import crewops_client as crewops

WORK_S = 2.0  # that the approved call takes
CALL_S = 0.05


def main(key: str, story: str) -> None:
    with crewops.run("chaos", key=key) as run:
        if story == "approval":
            with run.tool("deploy", approve=True, code=story):
                time.sleep(WORK_S)
        while story == "control":
            with run.tool("count"):
                time.sleep(CALL_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
