"""``python reporter.py RUN TOOLS RATE``: a program that reports to what CREWOPS_URL names.

Its tools write their numbers. It waits at its end until the server has everything.
"""

import sys
import time

import crewops_client as crewops

WAIT_S = 60.0


def main(key: str, tools: int, rate: float) -> None:
    with crewops.run("chaos", key=key) as run, run.agent("orion") as orion, orion.task("Count"):
        for number in range(tools):
            with orion.tool("count") as tool, orion.llm("openai", "gpt-5-mini") as call:
                tool.output(f"{number}\n")
                call.usage(input=1, output=1)
            time.sleep(1 / rate)
    sys.exit(not crewops.flush(WAIT_S))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
