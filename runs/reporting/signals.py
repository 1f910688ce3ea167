"""Reports that change no record."""

from django.dispatch import Signal

error_reported = Signal()  # run, error: {message, reason, agent_id?, task_id?}
