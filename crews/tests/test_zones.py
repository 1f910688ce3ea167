"""The names of time zones that people may write."""

import pytest
from django.core.exceptions import ValidationError

from crews import zones


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "europe/berlin", "../../etc/passwd", "localtime", "+02:00"]
)
def test_zones_that_are_none(zone):
    with pytest.raises(ValidationError, match="There is no time zone"):
        zones.validate_zone(zone)
