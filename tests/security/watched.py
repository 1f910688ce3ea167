"""``python -m tests.security.watched``: our web process, which on SIGUSR1 logs what it holds."""

import asyncio
import gc
import json
import os
import signal
from typing import Any

import uvicorn
from channels.layers import get_channel_layer

from crewops.web import APPLICATION, OPTIONS

MARK = "holds: "


class Watched(uvicorn.Server):
    async def startup(self, *args: Any, **kwargs: Any) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._report)
        await super().startup(*args, **kwargs)

    def _report(self) -> None:
        gc.collect()
        gc.unfreeze()  # `crewops.gc_tuning` has hidden what is left
        node = get_channel_layer().node
        held = {
            "objects": len(gc.get_objects()),
            "tasks": len(asyncio.all_tasks()),
            "connections": len(self.server_state.connections),
            "groups": len(node.groups),
            "feeds": len(node.hub.feeds),
            "queues": len(node.queues),
            "watchers": len(node.access._watchers),
        }
        print(MARK + json.dumps(held), flush=True)


if __name__ == "__main__":
    config = uvicorn.Config(APPLICATION, port=int(os.environ["PORT"]), **OPTIONS)
    config.load_app()
    Watched(config).run()
