"""The content of the demo. The repositories' files are under ``sources/``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from crews.demo.repository import Commit, Repository
from crews.models import Role

SCRIPTS = Path(__file__).parent / "scripts"


class DemoTask(NamedTuple):
    """``after``: the names of the tasks that it comes after."""

    name: str
    step: dict
    after: Sequence[str] = ()


def _script(interpreter: str, file: str) -> dict:
    code = (SCRIPTS / file).read_text()
    return {"tool": "script", "params": {"interpreter": interpreter, "code": code}}


@dataclass(frozen=True, slots=True)
class DemoCrew:
    """A crew of scout, tester and reporter, in this order, that works on ``branch``.

    With ``checks`` it also has an agent for each of them, before the reporter. They work beside the
    tester, and the reporter waits for all of them.
    """

    slug: str
    name: str
    description: str
    agents: tuple[str, ...]
    report: tuple[str, str]  # interpreter, file under scripts/
    branch: str = "main"
    checks: tuple[tuple[str, str, str], ...] = ()  # role, name of the task, file under scripts/

    @property
    def max_parallel(self) -> int:
        return 1 + len(self.checks)

    @property
    def roles(self) -> list[str]:
        scout, tester, reporter = ROLES
        return [scout, tester, *(role for role, *_ in self.checks), reporter]

    def tasks(self, repository: Path) -> list[DemoTask]:
        """Each agent's task."""
        clone = {"url": str(repository)}
        if self.branch != "main":
            clone["branch"] = self.branch
        interpreter, file = self.report
        fetch = DemoTask("Fetch the sources", {"tool": "git_clone", "params": clone})
        checks = [
            DemoTask("Run the test suite", {"tool": "pytest", "params": {"args": ["-v"]}}),
            *(DemoTask(name, _script("python", file)) for _, name, file in self.checks),
        ]
        report = DemoTask("Write the report", _script(interpreter, file))
        if self.checks:
            checks = [task._replace(after=[fetch.name]) for task in checks]
            report = report._replace(after=[task.name for task in checks])
        return [fetch, *checks, report]


@dataclass(frozen=True, slots=True)
class DemoReportedCrew:
    """A crew without agents and tasks of its own: a program reports them."""

    organization: str  # slug
    slug: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    slug: str
    name: str
    users: dict[str, str]  # user name: role
    repository: Repository
    crews: tuple[DemoCrew, ...]
    reported: tuple[DemoReportedCrew, ...] = ()


SUPERUSER = "admin"
ROLES = ("Scout", "Tester", "Reporter")

PARCELS = Repository(
    "parcels",
    (
        Commit(
            "Begin the package",
            "Ada",
            ("README.md", "pyproject.toml", ".gitignore", "parcels/__init__.py"),
        ),
        Commit(
            "Price parcels by weight and zone",
            "Ada",
            ("parcels/rates.py", "tests/test_rates.py"),
        ),
        Commit(
            "Limit the calls to a carrier",
            "Blaise",
            ("parcels/limiter.py", "tests/test_limiter.py"),
        ),
        Commit("Keep quotes while they hold", "Ada", ("parcels/quotes.py", "tests/test_quotes.py")),
        Commit(
            "Ask again after a pause that grows",
            "Blaise",
            ("parcels/retry.py", "tests/test_retry.py"),
        ),
        Commit("Count prices in cents", "Chuck", ("parcels/rates.py",), branch="rewrite"),
        Commit("Simplify the limiter", "Chuck", ("parcels/limiter.py",), branch="rewrite"),
    ),
)
TURBINES = Repository(
    "turbines",
    (
        Commit(
            "Begin the package",
            "Grace",
            ("README.md", "pyproject.toml", ".gitignore", "turbines/__init__.py"),
        ),
        Commit(
            "Take the mean of the last seconds",
            "Grace",
            ("turbines/window.py", "tests/test_window.py"),
        ),
        Commit(
            "Raise an alarm on silence", "Hedy", ("turbines/watchdog.py", "tests/test_watchdog.py")
        ),
        Commit(
            "Read sensors at a steady pace",
            "Grace",
            ("turbines/sampler.py", "tests/test_sampler.py"),
        ),
    ),
)

REPORTED_CREW = DemoReportedCrew(
    organization="acme",
    slug="support",
    name="Support desk",
    description="Three agents of a Python program, with a scripted model. "
    "The program reports them.",
)

ORGANIZATIONS = (
    DemoOrganization(
        slug="acme",
        name="Acme",
        users={
            "acme-admin": Role.ADMIN,
            "acme-operator": Role.OPERATOR,
            "acme-viewer": Role.VIEWER,
        },
        repository=PARCELS,
        crews=(
            DemoCrew(
                slug="demo",
                name="Parcel release",
                description="Fetches the parcels package, tests it and reports on it.",
                agents=("Orion", "Vega", "Lyra"),
                report=("python", "report.py"),
            ),
            DemoCrew(
                slug="flaky",
                name="Parcel rewrite",
                description="The same on the branch rewrite, whose tests fail.",
                agents=("Orion", "Vega", "Lyra"),
                report=("python", "report.py"),
                branch="rewrite",
            ),
            DemoCrew(
                slug="checks",
                name="Parcel checks",
                description="Fetches the parcels package and checks it in three ways at once.",
                agents=("Orion", "Vega", "Mira", "Deneb", "Lyra"),
                report=("python", "report.py"),
                checks=(
                    ("Stylist", "Check the style", "style.py"),
                    ("Reviewer", "List the longest functions", "functions.py"),
                ),
            ),
        ),
        reported=(REPORTED_CREW,),
    ),
    DemoOrganization(
        slug="globex",
        name="Globex",
        users={"globex-admin": Role.ADMIN},
        repository=TURBINES,
        crews=(
            DemoCrew(
                slug="turbines",
                name="Turbine watch",
                description="Fetches the turbines package, tests it and reports on it.",
                agents=("Castor", "Nova", "Rhea"),
                report=("bash", "report.sh"),
            ),
        ),
    ),
)
