"""Settings, all of them from the environment, with defaults that work on a developer's machine.

With ``DEBUG`` off nothing is guessed: what is missing stops the start and says what to set.
`.env.example` lists every variable.
"""

from crewops.admin_look import UNFOLD
from crewops.settings.api import *
from crewops.settings.applications import *
from crewops.settings.browsers import *
from crewops.settings.data import *
from crewops.settings.environment import *
from crewops.settings.limits import *
from crewops.settings.logs import *
from crewops.settings.metrics import *
from crewops.settings.realtime import *
from crewops.settings.secrets import *
from crewops.settings.signing_in import *
from crewops.settings.static import *
from crewops.settings.tools import *
from crewops.settings.work import *
