"""Settings, all from the environment, with defaults that work on a developer's machine.

With ``DEBUG`` off, the variables of ``environment.REQUIRED`` have no default. If one is missing,
CrewOps does not start, and the error says what to set. `.env.example` lists every variable.
"""

from crewops.admin_look import UNFOLD
from crewops.settings.applications import *
from crewops.settings.environment import *
from crewops.settings.security import *
from crewops.settings.services import *
