"""The targets of notifications, and the deliveries to them."""

from runs.notifications.models.delivery import Attempt, Delivery
from runs.notifications.models.target import Target

__all__ = ["Attempt", "Delivery", "Target"]
