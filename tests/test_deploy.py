"""The files in `deploy/`: every metric that they name exists, and names are as Prometheus
has them.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from runs.models import Worker

DEPLOY = settings.BASE_DIR / "deploy"
RULES = DEPLOY / "alerts.yml"
DASHBOARD = DEPLOY / "grafana-dashboard.json"
NAME = re.compile(r"\bcrewops_\w+")
LABELS = re.compile(r"(crewops_\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
# Suffixes of the series of a family, by its type.
SERIES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
UNITS = r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)"  # base units are s, bytes and ratios
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def text(client, transactional_db) -> str:
    Worker.objects.beat("w", tier="namespaces", slots=4)
    headers = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
    return client.get("/metrics", headers=headers).content.decode()


@pytest.fixture
def families(text) -> dict[str, str]:
    """``{name: type}`` of our own metrics."""
    found = text_string_to_metric_families(text)
    return {one.name: one.type for one in found if one.name.startswith("crewops_")}


def rules() -> list[dict]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def expressions() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_every_metric_that_is_named_exists(families):
    exposed = {name + suffix for name, kind in families.items() for suffix in SERIES[kind]}
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 20
    assert named - exposed == set()


def test_every_metric_is_on_the_dashboard(families):
    text = DASHBOARD.read_text()
    assert [name for name in families if name not in text] == []


def test_every_label_that_is_named_exists(text):
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for expression in expressions():
        for name, selector in LABELS.findall(expression):
            assert {*LABEL.findall(selector)} <= labels[name], expression


def test_names_are_as_prometheus_has_them(text, families):
    """What ``promtool check metrics`` refuses, because not every machine has it."""
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} has no help"
    for name, kind in families.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert not re.search(UNITS, name), name
        assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_info")), name
        assert kind not in name.split("_"), name
        assert kind != "unknown", name


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_and_what_to_look_at(rule):
    assert rule["labels"]["severity"] in ("page", "warn")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")


def test_panels_do_not_overlap_and_take_any_data_source():
    dashboard = json.loads(DASHBOARD.read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.skipif(not PROMTOOL, reason="there is no promtool")
class TestPromtool:
    def test_metrics(self, text):
        self.check("metrics", input_=text)

    def test_rules_and_the_expressions_of_the_dashboard(self, tmp_path):
        self.check("rules", str(RULES))
        whole = [
            {"record": "crewops:checked", "labels": {"n": str(number)}, "expr": expression}
            for number, expression in enumerate(
                expression.replace("$__rate_interval", "5m") for expression in expressions()
            )
        ]
        file = tmp_path / "expressions.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": whole}]}))
        self.check("rules", str(file))

    def check(self, what: str, *arguments: str, input_: str = "") -> None:
        ran = subprocess.run(
            [PROMTOOL, "check", what, *arguments],
            input=input_,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert not ran.stderr, ran.stderr
