"""``manage.py apply``: creates a crew, or changes it, to match a YAML file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crews.models import Crew, Organization
from runs.crew_files.applying import apply
from runs.crew_files.checking import load
from runs.crew_files.faults import Fault, InvalidDescription
from runs.crew_files.reading import MAX_BYTES


class Command(BaseCommand):
    help = "Creates the crew that FILE describes, or changes it, and shows the difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", metavar="FILE", help="YAML, as export_crew writes it; - : stdin"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="check and show the difference; change nothing"
        )

    def handle(self, *args: Any, file: str, dry_run: bool, **options: Any) -> None:
        try:
            description, lines = load(_content(file))
            try:
                applied = self._apply(description, dry_run)
            except InvalidDescription as refused:
                raise refused.with_lines(lines) from None
        except InvalidDescription as refused:
            faults = "\n".join(f"{file}: {fault}" for fault in refused.faults)
            raise CommandError(f"{faults}\nNothing was changed.") from None
        if applied.diff:
            self._show(applied.diff)
        for warning in applied.warnings:
            self.stderr.write(warning, self.style.WARNING)
        if dry_run:
            what = "Nothing to change." if not applied.diff else "Nothing was changed: --dry-run."
        elif applied.is_new:
            what = f"Created {applied.crew} ({applied.crew.pk})."
        else:
            what = f"Changed {applied.crew}." if applied.diff else "Nothing to change."
        self.stderr.write(what, str)

    def _apply(self, description: dict[str, Any], dry_run: bool) -> Any:
        slug = description["organization"]
        organizations = Organization.objects.not_deleted()
        organization = organizations.filter(slug=slug).first()
        if organization is None:
            known = ", ".join(organizations.values_list("slug", flat=True)[:20]) or "none"
            message = f"There is no organization {slug!r}. There are: {known}."
            raise InvalidDescription([Fault(("organization",), message)])
        crews = Crew.objects.not_deleted().filter(
            organization=organization, slug=description["slug"]
        )
        return apply(description, crews.first(), organization, dry_run=dry_run)

    def _show(self, diff: str) -> None:
        styles = {"+": self.style.SUCCESS, "-": self.style.ERROR}
        for line in diff.splitlines():
            style = styles.get(line[:1])
            self.stdout.write(style(line) if style else line)


def _content(file: str) -> bytes:
    """At most one byte more than a crew may have."""
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from None
