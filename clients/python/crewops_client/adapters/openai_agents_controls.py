"""OpenAI Agents SDK: hold the calls of a run while it is paused, and end it after a cancel."""

from .. import controls
from ..runs import Run

try:
    from agents.exceptions import AgentsException
except ImportError:  # tests replay recorded sequences without it
    AgentsException = Exception  # type: ignore[misc,assignment]

WITHOUT_HOOKS = (
    "The program does not give the adapter to the SDK as hooks: Runner.run(agent, …, hooks=ops)"
)
CONTROLS_IGNORED = (
    "a user has asked to pause or cancel a run of the OpenAI Agents SDK, which has no effect: "
    + WITHOUT_HOOKS
)


class Cancelled(controls.Cancelled, AgentsException):
    """A `Cancelled` that the SDK raises as it is. It wraps others of a tool in a UserError."""


async def at_start(run: Run) -> None:
    """Wait while the run is paused. Raises `Cancelled` if a user has cancelled it."""
    try:
        await run.at_async_start()
    except controls.Cancelled as error:
        raise Cancelled(*error.args) from None


def without_hooks(run: Run, is_own: bool) -> None:
    """Refuse the controls of the adapter's own run. Log once that others have no effect."""
    if is_own:
        run.controls.unable = WITHOUT_HOOKS
    if run.takes_controls and (run.stop_requested or run.controls.paused):
        run.reporter.notices.log_once("openai_agents hooks", CONTROLS_IGNORED)
