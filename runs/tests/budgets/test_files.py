"""Budgets in crews as YAML."""

from decimal import Decimal

import pytest

from crews.models import Crew
from runs.crew_files.applying import apply
from runs.crew_files.checking import load
from runs.crew_files.faults import InvalidDescription
from runs.crew_files.writing import describe, text_of

pytestmark = pytest.mark.django_db


def written(acme) -> str:
    return text_of(describe(Crew.objects.get(pk=acme.crew.pk)))


def test_a_crew_without_budgets_names_none(acme):
    assert "budget" not in written(acme)


def test_what_is_exported_is_imported_as_it_was(acme, limit):
    limit(
        run_usd=Decimal("0.25"), day_usd=5, run_tokens=10, day_at_limit="pause", zone="Asia/Tokyo"
    )
    text = written(acme)
    assert "budget_run_usd: 0.25\n" in text
    assert "budget_day_usd: 5\n" in text
    assert "budget_zone: Asia/Tokyo\n" in text
    description, _ = load(text)
    crew = Crew.objects.get(pk=acme.crew.pk)
    assert apply(description, crew, acme.organization).diff == ""
    limit(run_usd=None, day_usd=None, run_tokens=None, day_at_limit="cancel", zone="UTC")
    applied = apply(description, Crew.objects.get(pk=acme.crew.pk), acme.organization)
    assert "+budget_run_usd: 0.25" in applied.diff
    assert written(acme) == text


def test_a_limit_that_is_left_out_is_removed(acme, limit):
    text = written(acme)
    limit(run_tokens=10)
    apply(load(text)[0], Crew.objects.get(pk=acme.crew.pk), acme.organization)
    assert Crew.objects.get(pk=acme.crew.pk).budget_run_tokens is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("budget_run_tokens: 0", "budget_run_tokens: Write a number above 0."),
        ("budget_run_tokens: true", "budget_run_tokens: Write a number, or leave it out"),
        ("budget_run_usd: false", "budget_run_usd: Write a number, or leave it out"),
        ("budget_run_usd: -0.5", "budget_run_usd: Write a number above 0."),
        ("budget_day_at_limit: stop", 'budget_day_at_limit: "stop" is not a valid choice.'),
        ("budget_zone: Mars/Base", "budget_zone: There is no time zone Mars/Base."),
        ("budget_month_usd: 5", "budget_month_usd: Unknown key."),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(acme, line, message):
    text = written(acme)
    number = len(text.splitlines()) + 1
    with pytest.raises(InvalidDescription) as refused:
        load(f"{text}{line}\n")
    assert str(refused.value).startswith(f"line {number}: {message}")
