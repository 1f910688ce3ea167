"""Every guard, in the order in which they are tried."""

from tests.guards.access import ACCESS
from tests.guards.admin import ADMIN
from tests.guards.audit import AUDIT
from tests.guards.box import BOX
from tests.guards.delivery import DELIVERY
from tests.guards.http import HTTP
from tests.guards.runs import RUNS
from tests.guards.secrets import SECRETS
from tests.guards.sockets import SOCKETS

GUARDS = (*ACCESS, *ADMIN, *AUDIT, *HTTP, *SOCKETS, *RUNS, *DELIVERY, *SECRETS, *BOX)
