"""Durations as pages show them. `pages/times.js` formats them in the same way."""

MINUTE_S = 60
HOUR_S = 3600


def duration(seconds: float) -> str:
    """``840 ms``, ``3.2 s``, ``42 s``, ``1 min 04 s``, ``2 h 05 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02} s"
    return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"
