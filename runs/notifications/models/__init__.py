"""Whom to notify of what, and what has been sent."""

from runs.notifications.models.delivery import Attempt, Delivery
from runs.notifications.models.target import Target

__all__ = ["Attempt", "Delivery", "Target"]
