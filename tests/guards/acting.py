"""What is done from the admin, and not only edited there: starting, cancelling, opening a page."""

from tests.guards.admin import matrix
from tests.guards.guard import Edit, guard

ACTING_ADMIN, RUN_ADMIN = "runs/admin/acting.py", "runs/admin/run.py"
TESTS = "runs/tests/test_admin.py"
OPERATES = Edit(ACTING_ADMIN, '"operable_by")', '"visible_to")')
OPERABLE, VISIBLE = (
    "operable_by(request.user).get(pk=object_id)",
    "visible_to(request.user).get(pk=object_id)",
)

# Django asks for the permission first; the action then walks from the user again.
ACTING = (
    guard(
        "admin: start and cancel",
        *(ACTING_ADMIN, '"operable_by")', '"visible_to")'),
        f"{TESTS}::test_cancelling_is_refused_to_those_who_may_not[viewer]",
    ),
    guard(
        "admin: watching",
        *(ACTING_ADMIN, 'return self._reaches(request, object_id, "visible_to")', "return True"),
        matrix("outsider"),
    ),
    guard(
        "admin: starting, once permitted",
        *("runs/admin/crew.py", OPERABLE, VISIBLE),
        f"{TESTS}::test_starting_is_refused_to_those_who_may_not[viewer]",
        behind=(OPERATES,),
    ),
    *(
        guard(
            f"admin: {act}, once permitted",
            *(RUN_ADMIN, f"run = Run.objects.{OPERABLE}\n        {then}", f"run = Run.objects.{VISIBLE}\n        {then}"),
            f"{TESTS}::{test}",
            behind=(OPERATES,),
        )
        for act, then, test in (
            ("cancelling", "run.cancel()", "test_cancelling_is_refused_to_those_who_may_not[viewer]"),
            ("running again", "try:", "test_running_again_is_refused_to_those_who_may_not[run_again-viewer]"),
        )
    ),
    guard(
        "admin: watching, once permitted",
        *(ACTING_ADMIN, f"record = self.model._default_manager.{VISIBLE}", "record = self.model._default_manager.whoever_asks().get(pk=object_id)"),
        matrix("outsider"),
        behind=(Edit(ACTING_ADMIN, 'return self._reaches(request, object_id, "visible_to")', "return True"),),
    ),
    guard(
        "admin: what is offered for a run is asked of runs one reaches",
        *(RUN_ADMIN, "Run.objects.visible_to(request.user).active()", "Run.objects.active()"),
        f"{TESTS}::test_cancelling_is_offered_while_there_is_something_to_cancel",
    ),
)  # fmt: skip
