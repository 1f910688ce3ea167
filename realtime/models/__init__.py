"""The event log, and states computed from it.

Only ``realtime.log`` writes the log, and ``realtime.replay`` the checkpoints.
"""

from realtime.models.checkpoint import Checkpoint
from realtime.models.event import Event
from realtime.models.fence import Fence
from realtime.models.stream import Stream

__all__ = ["Checkpoint", "Event", "Fence", "Stream"]
