"""What is counted, and who may read it."""

import os
from pathlib import Path

from crewops.settings.environment import VAR_DIR, env

# Prometheus sends it as `Authorization: Bearer`. Without it there is no /metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Shared by all processes of a machine, so that any web process can answer for all.
METRICS_DIR = Path(env.str("METRICS_DIR", default=str(VAR_DIR / "metrics")))
METRICS_DIR.mkdir(parents=True, exist_ok=True)
# The library reads it when it is first imported, which is after the settings.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)
