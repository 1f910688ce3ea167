"""Fields with choices whose error names the choices."""

from typing import Any, NoReturn

from rest_framework import serializers


class ChoiceField(serializers.ChoiceField):
    def fail(self, key: str, **values: Any) -> NoReturn:
        if key == "invalid_choice":
            choices = ", ".join(map(str, self.choices))
            text = f'"{values["input"]}" is not a valid choice. Choose one of: {choices}.'
            raise serializers.ValidationError(text, code=key)
        super().fail(key, **values)


class MultipleChoiceField(ChoiceField, serializers.MultipleChoiceField):
    pass
