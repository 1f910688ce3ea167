"""The event log. Only ``realtime.log`` writes these tables."""

from realtime.models.event import Event
from realtime.models.fence import Fence
from realtime.models.stream import Stream

__all__ = ["Event", "Fence", "Stream"]
