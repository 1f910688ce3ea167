"""``manage.py reap_runs``: ends runs whose worker was lost, and announces waiting runs again."""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections, connection

from runs.execution import background, reaper, retention
from runs.execution.lease import CLOCK_JUMP_S, clock_offset
from runs.execution.stop_signal import StopSignal
from runs.models import ReportedRun

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "One sweep: ends runs whose worker was lost, announces waiting runs to the workers again, "
        "brings the crews' status up to date and removes what has been kept for long enough."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop",
            action="store_true",
            help=f"sweep every {settings.REAPER_INTERVAL_S:g} s (REAPER_INTERVAL_S) until SIGTERM",
        )

    def handle(self, *args: Any, loop: bool, **options: Any) -> None:
        if loop:
            self._loop()
        else:
            done = reaper.sweep()
            retention.clean()
            self.stdout.write(
                f"Ended as worker_lost: {done['worker_lost']}. "
                f"Announced again: {done['announced_again']}."
            )

    def _loop(self) -> None:
        stop = StopSignal()
        stop.listen()
        threads = [retention.RetentionThread(), *background.make_registered()]
        for thread in threads:
            thread.start()
        renewed, offset, sweeps_from = False, clock_offset(), time.monotonic()
        logger.info("Sweeping every %g s", settings.REAPER_INTERVAL_S)
        while not stop.received:
            try:
                close_old_connections()
                before, offset = offset, clock_offset()
                if offset - before > CLOCK_JUMP_S:
                    logger.warning("The clock has jumped: workers get time to renew their leases")
                    renewed, sweeps_from = False, time.monotonic() + settings.RUN_HEARTBEAT_S
                if not renewed:  # reporters could not send while the server was down or suspended
                    ReportedRun.objects.renew_all()
                    renewed = True
                if time.monotonic() >= sweeps_from:
                    reaper.sweep()
            except Error as error:
                logger.warning("The sweep failed, the database did not answer: %s", error)
                connection.close()
            except Exception:
                logger.exception("The sweep failed; it is repeated")
            stop.wait(settings.REAPER_INTERVAL_S)
        for thread in threads:
            thread.stop()
        logger.info("Stopped")
