"""The spans of OpenInference, OpenLLMetry and MCP, for recording.py."""

import json

from opentelemetry.trace import SpanKind
from recorder import Recorder, operation, usage


def openinference_langchain():
    r = Recorder("openinference_langchain")

    def chain(name, start, end, parent=None, agent="orion", **more):
        about = {
            "openinference.span.kind": "CHAIN",
            "metadata": json.dumps({"lc_agent_name": agent, "langgraph_step": 1}),
        }
        return r.span(name, start, end, parent, **about, **more)

    def model(start, end, parent, agent="orion"):
        about = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-5-mini",
            "llm.provider": "openai",
        }
        about |= {
            "llm.token_count.prompt": 90,
            "llm.token_count.completion": 9,
            "metadata": json.dumps({"lc_agent_name": agent}),
        }
        return r.span("ChatOpenAI", start, end, parent, ok=True, **about)

    def tool(name, start, end, parent, agent="orion", error=None):
        about = {
            "openinference.span.kind": "TOOL",
            "tool.name": name,
            "input.value": json.dumps({"city": "Oslo"}),
            "output.value": "cold",
        }
        about["metadata"] = json.dumps({"lc_agent_name": agent})
        return r.span(name, start, end, parent, ok=not error, error=error, **about)

    root = chain("orion", 0, 9, ok=True)
    model(0.2, 1, chain("model", 0.1, 1.1, root, ok=True))
    node = chain("tools", 1.2, 6, root, ok=True)
    tool("get_weather", 1.3, 2, node, error=("ValueError", "no such city"))
    asked = tool("ask_lyra", 1.3, 5.9, node)
    lyra = chain("lyra", 1.4, 5.8, asked, "lyra", ok=True)
    model(1.6, 3, chain("model", 1.5, 3.1, lyra, "lyra", ok=True), "lyra")
    model(6.2, 8.8, chain("model", 6.1, 8.9, root, ok=True))
    r.write("openinference_langchain", "openinference-instrumentation-langchain 0.1.80")


def openllmetry():
    r = Recorder("openllmetry")

    def entity(kind, name, start, end, parent=None, **more):
        about = {
            "traceloop.span.kind": kind,
            "traceloop.entity.name": name,
            "traceloop.workflow.name": "forecast",
        }
        return r.span(f"{name}.{kind}", start, end, parent, **about, **more)

    root = entity("workflow", "forecast", 0, 6)
    orion = entity("agent", "orion", 0.1, 5.9, root)
    task = entity("task", "ask", 0.2, 2, orion)
    about = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5-mini", **usage(70, 7)}
    r.span("openai.chat", 0.3, 1.9, task, kind=SpanKind.CLIENT, **operation("chat", **about))
    entity(
        "tool",
        "get_weather",
        2.1,
        3,
        orion,
        **{"traceloop.entity.input": '{"city": "Oslo"}', "traceloop.entity.output": '"cold"'},
    )
    error = ("openai.RateLimitError", "slow down")
    r.span(
        "openai.chat",
        3.1,
        4,
        orion,
        error=error,
        **{"error.type": "RateLimitError"},
        **operation("chat", **{**about, "gen_ai.response.finish_reasons": ()}),
    )
    r.write("openllmetry", "opentelemetry-instrumentation-openai 0.62.4")


def mcp():
    r = Recorder("mcp")
    root = r.span(
        "invoke_agent orion", 0, 5, **operation("invoke_agent", **{"gen_ai.agent.name": "orion"})
    )
    about = {
        "gen_ai.tool.name": "read_gauge",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.agent.name": "orion",
    }
    call = r.span("execute_tool read_gauge", 1, 3, root, **operation("execute_tool", **about))
    again = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "read_gauge"}
    sent = r.span(
        "MCP send tools/call read_gauge", 1.1, 2.9, call, **operation("execute_tool", **again)
    )
    client = r.span(
        "tools/call read_gauge",
        1.2,
        2.8,
        sent,
        kind=SpanKind.CLIENT,
        **operation("execute_tool", **again),
    )
    r.span(
        "tools/call read_gauge",
        1.5,
        2.5,
        client,
        kind=SpanKind.SERVER,
        **operation("execute_tool", **again),
    )
    r.span("tools/list", 0.5, 0.6, root, **{"mcp.method.name": "tools/list"})
    r.write("mcp", "mcp 2.3")
