"""Both reducers on 1,000 generated sequences: the server's and the browser's show the same."""

import json
import subprocess
from pathlib import Path

from runs.tests.events.stories import after_each, generated

REDUCING = Path(__file__).parent / "js/reducing.js"
SEQUENCES = 1_000


def test_the_browsers_reducer_shows_what_the_servers_shows_after_every_frame():
    sequences = generated(SEQUENCES + 100)[:SEQUENCES]  # some are generated twice
    assert len(sequences) == SEQUENCES
    done = subprocess.run(
        ["node", REDUCING], input=json.dumps(sequences), capture_output=True, text=True, check=True
    )
    shown = json.loads(done.stdout)
    assert len(shown) == SEQUENCES
    for frames, each in zip(sequences, shown, strict=True):
        assert each == after_each(frames), frames
