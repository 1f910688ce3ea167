"""``manage.py new_epoch``: after the database was restored, no client may go on from where it was."""

from typing import Any

from django.core.management.base import BaseCommand

from realtime import log


class Command(BaseCommand):
    help = (
        "Gives every stream a new epoch. Run it after each restore of the database: clients which have "
        "seen more than the backup holds are told to start afresh, those that are connected within a "
        "second or two."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        number = log.renew_epochs()
        self.stdout.write(f"{number} stream{'' if number == 1 else 's'} got a new epoch.")
