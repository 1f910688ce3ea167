"""The channel layer and the sockets."""

from crewops.settings.data import REDIS_URL
from crewops.settings.environment import env

CHANNEL_LAYERS = {
    "default": {"BACKEND": "realtime.layers.StreamLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
REALTIME_HEARTBEAT_S = env.float("REALTIME_HEARTBEAT_S", default=45.0)
REALTIME_SWEEP_S = env.float("REALTIME_SWEEP_S", default=1.0)
# An expired token is answered 4401 between its expiry and this much later.
REALTIME_TOKEN_GRACE_S = env.float("REALTIME_TOKEN_GRACE_S", default=15.0)
EVENTS_RETENTION_DAYS = env.float("EVENTS_RETENTION_DAYS", default=0.0)  # 0: for ever
