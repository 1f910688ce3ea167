"""Each attribute that is read from a span is decoded: `attribute_names` alone names them."""

import ast
import re
from pathlib import Path

import pytest

from runs.models import ToolExecution
from runs.reporting.otlp import attribute_names
from runs.tests.reporting.otlp.conftest import PROTOBUF, protobuf_of, recorded, spans_of, with_spans

MODULES = Path(attribute_names.__file__).parent
DECODERS = {"protobuf.py", "json_form.py"}
READERS = {"value", "text", "count"}  # methods of `Span`


def named_in(source: str) -> list[str]:
    """The attributes that the source names itself instead of by `attribute_names`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_read = node.func.attr in READERS or (
                isinstance(node.func.value, ast.Attribute)
                and node.func.value.attr in ("attributes", "resource")
            )
            given = [each.value for each in node.args if isinstance(each, ast.Constant) and is_read]
            found += [each for each in given if isinstance(each, str)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += re.findall(r"^[a-z_]+(?:\.[a-z_]+)+$", node.value)
    return found


def test_no_other_module_names_an_attribute():
    """One that is read, but is not in `WANTED`, would never be found."""
    modules = [path for path in MODULES.glob("*.py") if path.name != "attribute_names.py"]
    assert {path.name for path in modules} > {"dialects.py", "events.py", "spans.py"} | DECODERS
    named = {path.name: named_in(path.read_text()) for path in modules}
    assert {name: found for name, found in named.items() if found} == {}


@pytest.mark.parametrize(
    "source",
    [
        'span.text("metadata")',
        'span.attributes.get("tool_response")',
        'item.get("exception.type")',
        'AGENT = ("agent_name", "agent.name")',
    ],
)
def test_an_attribute_that_another_module_names_is_seen(source):
    assert named_in(source)


def test_every_name_of_the_module_is_decoded():
    lists = {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in vars(attribute_names).items()
        if name.isupper() and isinstance(value, tuple | str)
    }
    assert {"AGENT", "EXCEPTION_TYPE", "INPUT", "CREW"} <= lists.keys()
    with_text = {*lists.pop("INPUT"), *lists.pop("OUTPUT")}
    assert {name for names in lists.values() for name in names} == attribute_names.WANTED
    assert with_text > attribute_names.WANTED_WITH_TEXT - attribute_names.WANTED


@pytest.mark.django_db
@pytest.mark.parametrize("name", attribute_names.AGENT)
@pytest.mark.parametrize("is_protobuf", [True, False])
def test_a_tool_names_its_agent_by_each_of_the_names(exporter, name, is_protobuf):
    request = recorded("agent_framework")
    span = next(span for span in spans_of(request) if "execute_tool" in span["name"])
    span["attributes"] = [
        pair for pair in span["attributes"] if pair["key"] not in attribute_names.AGENT
    ]
    span["attributes"].append({"key": name, "value": {"stringValue": "lyra"}})
    request = with_spans(request, [span])
    if is_protobuf:
        exporter.post(protobuf_of(request), PROTOBUF)
    else:
        exporter.send(request)
    assert ToolExecution.objects.get().task_execution.agent_id == "lyra"
