"""A crew of three agents in plain Python, with a scripted model: no framework and no model key.

    CREWOPS_URL=http://localhost:8000 CREWOPS_API_KEY=crewops_... python support_desk.py

Three threads work at the same time. Iris reads the tickets and hands each to Milo, who looks the
facts up, or to Juno, who writes the answer. One query of the database fails and is repeated.
*Pause* and *Cancel* on the run's page pause and end it. `--pace 0` runs without pauses.
"""

import argparse
import queue
import random
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import crewops_client as crewops

PROVIDER, MODEL, SMALL_MODEL = "openai", "gpt-5-mini", "gpt-5-nano"
NAMES = {"iris": ("Iris", "Triage"), "milo": ("Milo", "Researcher"), "juno": ("Juno", "Writer")}


@dataclass(frozen=True)
class Ticket:
    number: int
    subject: str
    finding: str = ""  # what the research finds; without it the ticket needs none
    locks: bool = False  # the first query of the database fails


TICKETS = (
    Ticket(4711, "Where is my parcel?", "The carrier has scanned it in Linz, two days late.", True),
    Ticket(4712, "How do I change my address?"),
    Ticket(4713, "I was charged twice", "Two captures of one payment; the second is reversed."),
    Ticket(4714, "Thank you!"),
    Ticket(4715, "The invoice has the wrong VAT id", "The id was changed after the invoice."),
)


class Desk:
    """The agents' work. ``pace`` multiplies each pause, and a model's answer takes as long."""

    def __init__(self, run: crewops.Run, pace: float) -> None:
        self.run = run
        self.pace = pace
        self.random = random.Random(7)  # the same run each time
        self.to_milo: queue.Queue[Ticket | None] = queue.Queue()
        self.to_juno: queue.Queue[Ticket | None] = queue.Queue()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds * self.pace * self.random.uniform(0.7, 1.3))
        self.run.checkpoint()  # waits while the run is paused; a cancel ends it here

    def think(self, place: crewops.Scope, model: str, tokens: tuple[int, int], words: int) -> None:
        """A call of a model: the first token after a while, then the others."""
        with place.llm(PROVIDER, model) as call:
            self.pause(1.0)
            for _ in range(words):
                call.output("word ")
                self.pause(0.2)
            call.usage(input=tokens[0], output=tokens[1])
            call.end(finish_reason="stop")

    def triage(self) -> None:
        try:
            self.sort_tickets()
        finally:
            self.to_milo.put(None)

    def sort_tickets(self) -> None:
        with self.agent("iris") as iris:
            with iris.task("Read the inbox") as task, task.tool("inbox", folder="new") as inbox:
                for ticket in TICKETS:
                    self.pause(0.4)
                    inbox.output(f"#{ticket.number}  {ticket.subject}\n")
            for ticket in TICKETS:
                with iris.task(f"Sort #{ticket.number}") as task:
                    self.think(task, SMALL_MODEL, (310 + ticket.number % 7 * 13, 24), words=6)
                if ticket.finding:
                    iris.handoff("milo", message=f"#{ticket.number} needs facts")
                    self.to_milo.put(ticket)
                else:
                    iris.handoff("juno", message=f"#{ticket.number} needs none")
                    self.to_juno.put(ticket)

    def research(self) -> None:
        try:
            self.find_facts()
        finally:
            self.to_juno.put(None)

    def find_facts(self) -> None:
        with self.agent("milo") as milo:
            while ticket := self.to_milo.get():
                with milo.task(f"Find the facts for #{ticket.number}") as task:
                    with task.tool("search", query=ticket.subject) as search:
                        for share in (0.25, 0.5, 0.75, 1.0):
                            self.pause(0.4)
                            search.progress(share, f"{share * 128:.0f} of 128 articles")
                        search.output("3 articles match.\n")
                    if ticket.locks and not self.query(task, ticket, fails=True):
                        task.error("The orders table was locked. Trying again.", reason="locked")
                        self.pause(0.8)
                    self.query(task, ticket)
                    self.think(task, MODEL, (1840 + ticket.number % 5 * 90, 212), words=14)
                milo.handoff("juno", message=ticket.finding)
                self.to_juno.put(ticket)

    def query(self, task: crewops.Scope, ticket: Ticket, *, fails: bool = False) -> bool:
        sql = f"SELECT * FROM orders WHERE ticket = {ticket.number}"
        with task.tool("sql", statement=sql) as tool:
            tool.output(f"> {sql}\n")
            self.pause(1.2)
            if fails:
                tool.output("ERROR: canceling statement due to lock timeout\n")
                tool.end("error", exit_code=1, message="The table orders is locked.")
                return False
            tool.output(f"{ticket.finding}\n(1 row)\n")
        return True

    def write(self) -> None:
        with self.agent("juno") as juno:
            while ticket := self.to_juno.get():
                with juno.task(f"Answer #{ticket.number}") as task:
                    self.think(task, MODEL, (920 + len(ticket.finding) * 4, 168), words=18)
                    with task.tool("check_tone") as check:
                        self.pause(0.6)
                        check.output("friendly 0.94, clear 0.91\n")
                    with task.tool("send", to=f"ticket-{ticket.number}@example.com") as send:
                        self.pause(0.5)
                        send.output("250 2.0.0 queued\n")

    def agent(self, agent_id: str) -> crewops.Agent:
        name, role = NAMES[agent_id]
        return self.run.agent(agent_id, name=name, role=role)


def main() -> None:
    options = argparse.ArgumentParser(description="A scripted crew that reports to CrewOps.")
    options.add_argument("--crew", default="support", help="slug of the crew (support)")
    options.add_argument("--pace", type=float, default=1.0, help="1 takes about 35 s, 0 no time")
    given = options.parse_args()
    try:
        work_off(given.crew, given.pace)
    except crewops.Cancelled:
        print("The run was cancelled on its page.")


def work_off(crew: str, pace: float) -> None:
    with crewops.run(crew, name="Morning tickets") as run:
        desk = Desk(run, pace)
        with ThreadPoolExecutor() as pool:
            work = [pool.submit(each) for each in (desk.triage, desk.research, desk.write)]
            for agent in as_completed(work):
                agent.result()


if __name__ == "__main__":
    main()
