#!/usr/bin/env bash
# dspy 3.4.1: `timeout` of dspy.Parallel stops nothing. It starts an item that takes longer once more,
# beside the first, and again after the next `timeout`. It is 120 s unless set; Module.batch and
# dspy.Evaluate use the same pool.
#
# Two items in two threads, one of which takes 6 s, with timeout=1.
# Expected: the slow item fails or is cancelled after 1 s, or nothing happens to it.
# Seen: its module runs three times, so its tools act three times and its model calls are paid three
# times. One answer is returned, without a warning; the other executions go on after the call has
# returned, and one even begins after it, as it waited for a thread. This is done when at most
# straggler_limit (3) items are left, so to each item of a small batch. timeout=0 switches it off.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check dspy==3.4.1
export HOME="$dir" DSPY_CACHEDIR="$dir/cache"
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY' || { cat "$dir/log" >&2; exit 1; }
import threading
import time

import dspy

begun, ended = [], []


class Clerk(dspy.Module):
    def forward(self, parcel):
        begun.append(parcel)
        time.sleep(6 if parcel == "slow" else 0)
        ended.append(parcel)
        return dspy.Prediction(weight="2 kg")


def run(timeout):
    """(executions of the slow item, those that had ended when the call returned, in the end)"""
    begun.clear()
    ended.clear()
    pairs = [(Clerk(), dspy.Example(parcel=each).with_inputs("parcel")) for each in ("a", "slow")]
    pool = dspy.Parallel(num_threads=2, timeout=timeout, disable_progress_bar=True)
    answers = pool(pairs)
    at_return = ended.count("slow")
    assert [each.weight for each in answers] == ["2 kg", "2 kg"]
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join()
    found = begun.count("slow"), at_return, ended.count("slow")
    print(f"timeout={timeout}: begun, ended at the return, ended in the end: {found}")
    return found


assert run(timeout=0) == (1, 1, 1)
assert run(timeout=1) == (3, 1, 3)
PY
