"""HTML of what the run page has most of: the rows of its events, and the bars of its timeline.

A page has a hundred events and sixty bars, and each jump to a moment renders them anew. A template
takes several times as long for them, as it looks up each name at each use. What may come from a
user or a program is escaped here.
"""

from html import escape

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from runs.durations import duration
from runs.models import Run
from runs.pages.history import Entry
from runs.pages.run_page_data import RunPage
from runs.pages.timeline import Lane
from runs.pages.timeline_bar import Bar
from runs.templatetags.run_filters import moment_of, percentage, to_second

register = template.Library()

PATTERNED = ("running", "failed", "error")  # the bars with stripes or crosses
WIDE = 4  # percent: narrower bars of a large run have no label unless they grow


@register.simple_tag
def event_rows(page: RunPage) -> SafeString:
    """The list items of the page's events. One that the page has already is empty."""
    return SafeString(
        "".join(
            f'<li id="event-{entry.type}-{escape(entry.id)}" data-same></li>\n'
            if entry.version in page.window.has
            else _event(entry, page)
            for entry in page.history
        )
    )


@register.simple_tag
def bars(lane: Lane, page: RunPage) -> SafeString:
    """The contents of a lane's chart."""
    return SafeString("".join(_bar(bar, page) for bar in lane.bars))


def _event(entry: Entry, page: RunPage) -> str:
    trouble = " data-trouble" if entry.is_trouble else ""
    agent = f"<b>{escape(entry.agent)}</b> " if entry.agent else ""
    return (
        f'<li class="event" id="event-{entry.type}-{escape(entry.id)}"'
        f' data-version="{entry.version}" data-kind="{entry.kind}"'
        f' data-status="{escape(entry.status)}"{trouble}>\n'
        f'<time datetime="{entry.at.isoformat()}" title="{to_second(entry.at)} UTC">'
        f"{moment_of(entry.at, page.run)}</time>\n"
        f'<span class="sign" data-type="{entry.type}" aria-hidden="true"></span>\n'
        f'<span class="event-what">{agent}{_what(entry, page)} {_how(entry)}'
        f"{_texts(entry, page.run)}</span>\n"
        f'<code class="event-type">{entry.type}</code></li>\n'
    )


def _what(entry: Entry, page: RunPage) -> str:
    what = escape(entry.what)
    if entry.has_card:
        return f'<a href="{_link(page, entry.id, f"{entry.kind}-{entry.id}")}">{what}</a>'
    if entry.kind == "llm":
        return f"{'' if entry.is_end else 'asks '}<code>{what}</code>"
    return f"<bdi>{what}</bdi>"


def _how(entry: Entry) -> str:
    """The verb, and what else is known."""
    detail = escape(entry.detail)
    if entry.is_end:
        after = duration(entry.execution.duration_s)
        more = f", <bdi>{detail}</bdi>" if detail else ""
        return f'{entry.verb} <small>after <span class="text-nowrap">{after}</span>{more}</small>'
    return f"{entry.verb}<small>{detail}</small>" if detail else entry.verb


def _texts(entry: Entry, run: Run) -> str:
    """Links to the stored texts of a model call, for members."""
    if entry.kind != "llm" or not run.is_member:
        return ""
    links = [
        *([("Input", "run-call-input")] if entry.has_input else []),
        *([("Answer", "run-call-output")] if entry.has_output else []),
    ]
    return "".join(
        f' <a class="call-text" data-text="{label} of {escape(entry.what)}"'
        f' href="{reverse(name, args=[run.pk, entry.id])}">{label}</a>'
        for label, name in links
    )


def _bar(bar: Bar, page: RunPage) -> str:
    is_task = bar.kind == "task"
    label, status = escape(bar.label), escape(bar.status)
    baseline = 16.5 if is_task else 14
    href = f"#{escape(bar.href)}" if bar.kind == "call" else _link(page, bar.id, bar.href)
    data = {"start": bar.start, "end": bar.end, "exit": bar.exit_code, "note": bar.note or None}
    known = "".join(
        f' data-{name}="{escape(str(value))}"' for name, value in data.items() if value is not None
    )
    running = pattern = text = aside = ""
    if bar.status in PATTERNED:
        pattern = '<rect class="bar-pattern" width="100%" height="100%" rx="4"/>'
    if bar.status == "running":
        done = bar.progress
        style = "" if done is None else f' style="--progress: {round(done * 100)}%"'
        running = f'<rect class="bar-progress"{style} height="100%" rx="4"/>'
    if not page.is_large or bar.status == "running" or bar.width > WIDE:
        text = (
            f'<use class="bar-sign" href="#sign-{escape(bar.sign)}" x="6" y="{7 if is_task else 5}"'
            ' width="10" height="10"/>'
            f'<text class="bar-text" x="{8 if bar.start is None else 21}"'
            f' y="{baseline}">{label}</text>'
        )
    if not page.is_large:
        aside = f'<text class="bar-aside" y="{bar.y}" dx="6" dy="{baseline}">{label}</text>'
    return (
        f'<a id="bar-{bar.kind}-{escape(bar.id)}" class="bar bar-{bar.kind}" href="{href}"'
        f' data-status="{status}" data-label="{label}"{known}'
        f' aria-label="{bar.noun} {label}, {status}">'
        f'<svg class="bar-box" x="{percentage(bar.x)}" y="{bar.y}" width="{percentage(bar.width)}"'
        f' height="{bar.height}"><rect class="bar-fill" width="100%" height="100%" rx="4"/>'
        f"{running}{pattern}{text}</svg>{aside}</a>\n"
    )


def _link(page: RunPage, id: str, element: str) -> str:
    """To an element of this page. Of a large run, the page with it has to be asked for."""
    query = f"?at={id}{page.window.moment_query}" if page.is_large else ""
    return escape(f"{query}#{element}")
