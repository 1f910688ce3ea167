"""The event log, states computed from it, and figures of the monitoring page.

Only ``realtime.log`` writes the log, ``realtime.replay`` the checkpoints, and
``realtime.monitoring`` the figures.
"""

from realtime.models.checkpoint import Checkpoint
from realtime.models.event import Event
from realtime.models.fence import Fence
from realtime.models.metric_sample import MetricSample
from realtime.models.process_report import ProcessReport
from realtime.models.stream import Stream

__all__ = ["Checkpoint", "Event", "Fence", "MetricSample", "ProcessReport", "Stream"]
