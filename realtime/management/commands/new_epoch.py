"""``manage.py new_epoch``: after a restore of the database, makes all positions invalid."""

from typing import Any

from django.core.management.base import BaseCommand

from realtime import log


class Command(BaseCommand):
    help = (
        "Gives every stream a new epoch. Run it after each restore of the database. Clients that "
        "have events which the backup does not have get a reset, connected ones within two seconds."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        number = log.renew_epochs()
        self.stdout.write(f"{number} stream{'' if number == 1 else 's'} got a new epoch.")
