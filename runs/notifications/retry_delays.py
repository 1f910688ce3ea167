"""When a notification that could not be sent is tried again."""

from datetime import timedelta

# Seconds from a failed attempt to the next one. After the last, the delivery has failed.
RETRY_DELAYS_S = (10, 60, 300, 1800, 7200, 21600)


def delay_after(failures: int) -> timedelta | None:
    """Return the time to the next attempt after so many failed ones. ``None``: there is none."""
    if failures > len(RETRY_DELAYS_S):
        return None
    return timedelta(seconds=RETRY_DELAYS_S[failures - 1])
