"""Every guard, in the order in which they are tried."""

from tests.guards.access import ACCESS
from tests.guards.acting import ACTING
from tests.guards.admin import ADMIN
from tests.guards.audit import AUDIT
from tests.guards.box import BOX
from tests.guards.delivery import DELIVERY
from tests.guards.git import GIT
from tests.guards.http import HTTP
from tests.guards.roles import ROLES
from tests.guards.runs import RUNS
from tests.guards.secrets import SECRETS
from tests.guards.site import SITE
from tests.guards.sockets import SOCKETS
from tests.guards.steps import STEPS

GUARDS = (
    *(*ACCESS, *ROLES, *ADMIN, *ACTING, *AUDIT),
    *(*HTTP, *SITE, *SOCKETS, *DELIVERY),
    *(*RUNS, *STEPS, *GIT, *SECRETS, *BOX),
)
