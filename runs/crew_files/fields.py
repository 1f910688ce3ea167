"""Kinds of values in a crew's description: mappings with known keys, text that is no number."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from rest_framework import serializers

from runs.tools.base import StrictSerializer
from runs.tools.text_parameters import IN_QUOTES


class EntrySerializer(StrictSerializer):
    """A mapping with known keys."""

    default_error_messages = {"invalid": "Write a mapping here: key: value."}


class Text(serializers.CharField):
    """Text; a number that looks like text (``branch: 1.10``) would lose digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(IN_QUOTES)
        return super().to_internal_value(data)


class Slug(Text, serializers.SlugField):
    pass


class OptionalText(Text):
    """Empty where it is left out or null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_blank=True, allow_null=True, default="", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> str:
        return super().run_validation(data) or ""


def of_field(
    kind: type[serializers.CharField], model: type[models.Model], name: str, **options: Any
) -> Any:
    """A field as long as the model's of this name."""
    return kind(max_length=model._meta.get_field(name).max_length, **options)


def check_by_model(record: models.Model, exclude: Collection[str]) -> None:
    """Raise the serializer's error for the values that the model's own validation refuses."""
    try:
        record.full_clean(exclude, validate_unique=False, validate_constraints=False)
    except ValidationError as refused:
        raise serializers.ValidationError(refused.message_dict) from None
