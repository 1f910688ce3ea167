"""The budgets in a crew's description: which values are accepted."""

from decimal import Decimal
from typing import Any

from django.db import models
from rest_framework import serializers

from crews.api.choices import ChoiceField
from crews.models import Crew
from crews.models.budget import LIMIT_FIELDS, AtLimit, Period
from crews.zones import ZONE_LIMIT, validate_zone

NO_NUMBER = "Write a number, or leave it out for no limit."


class Count(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        return super().to_internal_value(_refuse_boolean(data))


class Money(serializers.DecimalField):
    def to_internal_value(self, data: Any) -> Decimal:
        return super().to_internal_value(_refuse_boolean(data))


def budget_fields() -> dict[str, serializers.Field]:
    """A field for each limit, with the model's validators, for each action, and for the zone."""
    found: dict[str, serializers.Field] = {}
    for name in LIMIT_FIELDS:
        field: Any = Crew._meta.get_field(name)
        options = {"required": False, "allow_null": True, "default": None}
        if isinstance(field, models.DecimalField):
            digits = {"max_digits": field.max_digits, "decimal_places": field.decimal_places}
            found[name] = Money(**digits, **options, validators=field.validators[:2])
        else:
            found[name] = Count(**options, validators=field.validators[:2])
    for period in Period:
        found[f"budget_{period}_at_limit"] = ChoiceField(
            AtLimit.choices, required=False, default=AtLimit.CANCEL.value
        )
    found["budget_zone"] = serializers.CharField(
        required=False, default="UTC", max_length=ZONE_LIMIT, validators=[validate_zone]
    )
    return found


def _refuse_boolean(data: Any) -> Any:
    """YAML's ``true`` would count as 1."""
    if isinstance(data, bool):
        raise serializers.ValidationError(NO_NUMBER)
    return data
