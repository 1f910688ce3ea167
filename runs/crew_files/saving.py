"""Saves records of a crew. What a model refuses is reported with its place in the description."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction

from runs.crew_files.faults import Fault, InvalidDescription, Path

TAKEN = "Somebody else has just taken this name or slug. Open the page again."


def update(record: models.Model, values: Mapping[str, Any], path: Path) -> Any:
    """Save the record with these values if it is new or one of them differs."""
    changed = [name for name, value in values.items() if getattr(record, name, None) != value]
    if record._state.adding or changed:
        for name, value in values.items():
            setattr(record, name, value)
        save(record, path)
    return record


def save(record: models.Model, path: Path, about: str = "") -> None:
    """Raises ``InvalidDescription``. ``about``: the field for faults of the whole record."""
    whole = (*path, about) if about else path
    try:
        record.full_clean()
    except ValidationError as refused:
        raise InvalidDescription(
            Fault(whole if name == NON_FIELD_ERRORS else (*path, name), message)
            for name, messages in refused.message_dict.items()
            for message in messages
        ) from None
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError:
        raise InvalidDescription([Fault(whole, TAKEN)]) from None
