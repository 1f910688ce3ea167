"""Answers of models in the comparison of two runs: only where both are stored, for members."""

import re

import pytest
from django.test import Client

from realtime.tests.pages.scene import reported
from runs.models import ModelCall, Run
from runs.pages import compared_texts, output_diff
from runs.pages.comparison import Comparison
from runs.pages.output_diff import LINE_CHARS, diff, in_sentences
from runs.tests.scene import page_of

pytestmark = pytest.mark.django_db


def answered(tenant, *answers: str, keeps: bool = True) -> Run:
    """A reported run with a call of a model for each answer."""
    tenant.organization.keeps_model_text = keeps
    tenant.organization.save()
    events = [{"type": "agent_start", "agent_id": "orion"}]
    for number, answer in enumerate(answers):
        of = {"call_id": f"c{number}", "agent_id": "orion"}
        events.append({"type": "llm_start", "provider": "x", "model": "m", **of})
        if answer:
            events.append({"type": "llm_progress", "output": answer, **of})
        events.append({"type": "llm_end", "status": "success", **of})
    events.append({"type": "done", "status": "succeeded"})
    key = f"nightly-{Run.objects.unscoped().count()}"
    run = reported(tenant, *events, key=key)
    return Run.objects.unscoped().get(pk=run.pk)


def call_of(run: Run, number: int = 0) -> ModelCall:
    return run.calls.order_by("started_at", "id")[number]


def shown_in(page: str) -> str:
    found = re.search(r'id="step-shown".*?\n</div>', page, re.DOTALL)
    return found[0] if found else ""


def test_shows_the_lines_that_differ(acme):
    answered(acme, "Hello.\nIt rains.\n")
    run = answered(acme, "Hello.\nIt snows.\n")
    link = f"step={call_of(run).pk}#step-shown"
    assert link in page_of(acme.viewer, run, "compare/")
    shown = shown_in(page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}"))
    assert "<h4>Answer</h4>" in shown
    assert '<span data-line="gone">It rains.' in shown
    assert '<span data-line="new">It snows.' in shown
    assert '<span data-line="same">Hello.' in shown
    assert 'aria-label="Difference of the answers"' in shown


def test_is_escaped(acme):
    answered(acme, "<script>1</script>")
    run = answered(acme, "<script>2</script>")
    shown = shown_in(page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}"))
    assert "&lt;script&gt;2" in shown
    assert "<script>" not in shown


def test_equal_answers_do_not_differ(acme):
    answered(acme, "Hello.")
    run = answered(acme, "Hello.")
    page = page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}")
    assert "No line differs." in shown_in(page)


def test_says_which_run_has_text(acme):
    before = answered(acme, "Hello.")
    run = answered(acme, "Hello.", keeps=False)
    page = page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}")
    assert "Only run A has stored text" in shown_in(page)
    assert f'href="{before.get_absolute_url()}#event-llm_start-{call_of(before).pk}"' in page


def test_calls_without_stored_text_are_no_links(acme):
    answered(acme, "Hello.", keeps=False)
    run = answered(acme, "Goodbye.", keeps=False)
    page = page_of(acme.viewer, run, "compare/")
    assert 'class="compare-step"' in page
    assert "#step-shown" not in page
    shown = shown_in(page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}"))
    assert "The text of neither is stored." in shown


def test_only_the_end_of_a_long_answer_is_compared(acme, monkeypatch):
    monkeypatch.setattr(compared_texts, "OUTPUT_CHARS", 10)
    before, run = answered(acme, "first\nlast one"), answered(acme, "other\nlast two")
    comparison = Comparison(before, run, at=str(call_of(run).pk))
    texts = [line.text for line in comparison.shown.output.lines[1:]]
    assert texts == ["t", "last one", "r", "last two"]


def test_takes_one_query_more_however_long_the_answers_are(acme, django_assert_num_queries):
    runs = [answered(acme, f"{end}\n" + 2_000 * "word ") for end in ("one", "two")]
    comparison = Comparison(*runs, at=str(call_of(runs[1]).pk))
    with django_assert_num_queries(1):
        assert not comparison.shown.output.is_empty


def test_is_for_who_may_read_it_on_the_run_page(acme, globex):
    answered(acme, "Hello.")
    run = answered(acme, "Goodbye.")
    run.share(True)
    path = f"/runs/{run.pk}/compare/?step={call_of(run).pk}"
    foreign = Client()
    foreign.force_login(globex.admin)
    assert foreign.get(path).status_code == 404
    assert Client().get(path).status_code == 302
    assert "Goodbye." in page_of(acme.viewer, run, f"compare/?step={call_of(run).pk}")


class TestSentences:
    def test_short_lines_stay(self):
        text = "1. One. Two.\n\nThree."
        assert in_sentences(text) == text

    def test_a_long_line_is_broken_after_its_sentences(self):
        first, second = f"{'a' * 60}.", f"{'b' * 60}?"
        assert in_sentences(f"{first} {second}\nend") == f"{first}\n{second}\nend"
        assert in_sentences("あ。" * 60).splitlines() == ["あ。"] * 60

    def test_no_difference_is_hidden_in_a_long_line(self):
        same = "x" * 3 * LINE_CHARS
        found = diff(in_sentences(f"{same}1"), in_sentences(f"{same}2"))
        assert [line.text for line in found.lines if line.kind != "same"][1:] == ["1", "2"]
        assert not found.is_cut

    def test_a_line_of_output_that_differs_after_its_limit_counts_as_more(self):
        same = "x" * LINE_CHARS
        found = output_diff.diff(f"{same}1\n", f"{same}2\n")
        assert (found.is_empty, found.is_cut) == (True, True)
        assert not output_diff.diff(f"{same}1\na\n", f"{same}1\nb\n").is_cut
