"""The project's settings for a worker whose tools are in no box: the control of tests that they
are.
"""

from celery.signals import worker_init

from crewops.settings import *  # noqa: F403


@worker_init.connect
def take_the_box_away(**kwargs) -> None:
    from runs.tools import box

    box.tier = lambda: box.Tier("limits")
