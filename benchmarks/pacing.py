"""Publishing at a steady rate, in a process of its own: warm-up, a pause, then what is measured."""

import json
import time
from collections.abc import Callable, Iterator


def steps(rate: float, seconds: float) -> Iterator[None]:
    """Yields when each of ``rate * seconds`` events is due; late ones at once."""
    begun = time.monotonic()
    for number in range(round(rate * seconds)):
        if (pause := begun + number / rate - time.monotonic()) > 0:
            time.sleep(pause)
        yield


def publish(send: Callable[[int], int], *, rate: float, warm_s: float, seconds: float) -> None:
    """Call ``send(t)`` at the rate, with ``t`` 0 in the warm-up; it returns the unix ns that count
    as the moment of publishing. Prints ``warm``, waits for a line, then prints all ``[t, moment]``.
    """
    for _ in steps(rate, warm_s):
        send(0)
    print("warm", flush=True)
    input()
    moments = []
    for _ in steps(rate, seconds):
        t = time.time_ns()
        moments.append((t, send(t)))
    print(json.dumps(moments), flush=True)
