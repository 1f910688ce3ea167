from django.core.management.base import BaseCommand

from crewops.event_documents import files


class Command(BaseCommand):
    help = "Writes what is made from the kinds of events: schema, AsyncAPI, tables of the protocol."

    def handle(self, **options) -> None:
        for path, text in files().items():
            path.write_text(text)
            self.stdout.write(str(path))
