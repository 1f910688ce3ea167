"""Writes the vectors: spans of each dialect, made with the OpenTelemetry SDK.

The attributes are those that each emitter was seen to send. Run it in an environment of its own:
``pip install opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-json-http==0.66b1``, then
``python runs/tests/reporting/otlp/recording.py``.
"""

import json

from opentelemetry.trace import SpanKind
from recorder import HERE, Recorder, operation, usage
from recording_others import mcp, openinference_langchain, openllmetry


def pydantic_ai(cancelled=False):
    name = "pydantic_ai_cancelled" if cancelled else "pydantic_ai"
    r = Recorder(name, **{"crewops.crew": "release-crew"})

    def chat(start, end, parent, agent, reason="stop"):
        about = {
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-5-mini",
        }
        about |= {
            "gen_ai.agent.name": agent,
            "gen_ai.input.messages": json.dumps([{"role": "user"}]),
        }
        return r.span(
            "chat gpt-5-mini",
            start,
            end,
            parent,
            **operation("chat", **about, **usage(100, 20, reason)),
        )

    def tool(tool_name, start, end, parent, agent, error=None, **more):
        about = {
            "gen_ai.tool.name": tool_name,
            "gen_ai.tool.call.id": f"call_{start}",
            "gen_ai.agent.name": agent,
        }
        about |= {"gen_ai.tool.call.arguments": json.dumps({"city": "Oslo"}), **more}
        return r.span(
            f"execute_tool {tool_name}",
            start,
            end,
            parent,
            error=error,
            **operation("execute_tool", **about),
        )

    about = {
        "gen_ai.agent.name": "orion",
        "gen_ai.agent.call.id": "run-1",
        "gen_ai.conversation.id": name,
    }
    about |= {"gen_ai.aggregated_usage.input_tokens": 400, "logfire.msg": "orion run"}
    root = r.span("invoke_agent orion", 0, 8, **operation("invoke_agent", **about))
    call = chat(0.1, 1, root, "orion", "tool_call")
    r.span("POST", 0.2, 0.9, call, kind=SpanKind.CLIENT, **{"http.request.method": "POST"})
    if cancelled:
        error = ("asyncio.exceptions.CancelledError", "")
        tool("get_weather", 1.1, 8, root, "orion", error)
        tool("get_map", 1.1, 8, root, "orion", error)
        return r.write(name, "pydantic-ai 2.68", first=(root,))
    tool(
        "get_weather",
        1.1,
        2,
        root,
        "orion",
        ("pydantic_ai.exceptions.ToolRetryError", "no such city"),
    )
    chat(2.1, 3, root, "orion", "tool_call")
    delegate = tool("ask_lyra", 3.1, 6, root, "orion", **{"gen_ai.tool.call.result": "cold"})
    about = {"gen_ai.agent.name": "lyra", "gen_ai.agent.call.id": "run-2"}
    lyra = r.span("invoke_agent lyra", 3.2, 5.9, delegate, **operation("invoke_agent", **about))
    chat(3.3, 4, lyra, "lyra", "tool_call")
    tool("read_gauge", 4.1, 5, lyra, "lyra", **{"gen_ai.tool.call.result": "-3"})
    chat(5.1, 5.8, lyra, "lyra")
    chat(6.1, 7.9, root, "orion")
    return r.write(name, "pydantic-ai 2.68")


def agent_framework():
    r = Recorder("agent_framework")
    framework = {"gen_ai.provider.name": "microsoft.agent_framework"}
    about = {
        "gen_ai.agent.name": "orion",
        "gen_ai.agent.id": "b7",
        "gen_ai.usage.input_tokens": 300,
        **framework,
    }
    root = r.span("invoke_agent orion", 0, 6, **operation("invoke_agent", **about))
    for start, end, reason in ((0.1, 1, "tool_calls"), (4.1, 5.9, "stop")):
        about = {**usage(150, 30), "gen_ai.response.finish_reasons": json.dumps([reason])}
        about |= {
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            "server.address": "http://127.0.0.1",
        }
        r.span("chat gpt-5-mini", start, end, root, **operation("chat", **about))
    for start, end, tool_name, error in (
        (1.1, 2, "get_weather", None),
        (1.1, 4, "get_map", ("ValueError", "no map")),
    ):
        about = {
            "gen_ai.tool.name": tool_name,
            "gen_ai.tool.call.id": tool_name,
            "gen_ai.tool.type": "function",
        }
        about |= {"error.type": "ValueError"} if error else {}
        r.span(
            f"execute_tool {tool_name}",
            start,
            end,
            root,
            error=error,
            **operation("execute_tool", **about),
        )
    r.write("agent_framework", "agent-framework 1.23")


def adk():
    """With OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY."""
    r = Recorder("adk")
    root = r.span(
        "invoke_workflow desk",
        0,
        9,
        **operation(
            "invoke_workflow", **{"gen_ai.workflow.name": "desk", "gen_ai.conversation.id": "s-1"}
        ),
    )

    def agent(agent_name, start, end):
        about = {"gen_ai.agent.name": agent_name, "gen_ai.conversation.id": "s-1"}
        return r.span(
            f"invoke_agent {agent_name}", start, end, root, **operation("invoke_agent", **about)
        )

    def step(start, end, parent):
        about = {"gen_ai.request.model": "gemini-3", "gen_ai.provider.name": "gcp.gemini"}
        about |= usage(80, 10)
        return r.span(
            "generate_content gemini-3",
            start,
            end,
            parent,
            **operation("generate_content", **about),
        )

    def tool(tool_name, start, end, parent, agent_name, arguments):
        about = {
            "gen_ai.tool.name": tool_name,
            "gen_ai.tool.call.id": "adk-1",
            "gen_ai.agent.name": agent_name,
        }
        about |= {
            "gen_ai.tool.call.arguments": json.dumps(arguments),
            "gen_ai.tool.call.result": json.dumps({"result": "ok"}),
        }
        return r.span(
            f"execute_tool {tool_name}", start, end, parent, **operation("execute_tool", **about)
        )

    orion = agent("orion", 0.1, 3)
    step(0.2, 2.9, orion)
    tool("transfer_to_agent", 1, 1.5, orion, "orion", {"agent_name": "lyra"})
    lyra = agent("lyra", 3.1, 8.9)
    step(3.2, 7, lyra)
    tool("get_weather", 4, 5, lyra, "lyra", {"city": "Oslo"})
    tool("get_map", 4, 6, lyra, "lyra", {"city": "Oslo"})
    r.span(
        "execute_tool (merged)",
        4,
        6.1,
        lyra,
        **operation("execute_tool", **{"gen_ai.tool.name": "(merged tools)"}),
    )
    step(7.1, 8.8, lyra)
    r.write("adk", "google-adk 2.13")


def genai_langchain():
    r = Recorder("genai_langchain")
    conversation = {"gen_ai.conversation.id": "thread-1"}
    about = {"gen_ai.agent.name": "orion", **conversation}
    interrupt = ("langgraph.errors.GraphInterrupt", "approve?")
    first = r.span(
        "invoke_agent orion", 0, 3, error=interrupt, **operation("invoke_agent", **about)
    )
    second = r.span("invoke_agent orion", 20, 23, **operation("invoke_agent", **about))
    for parent, start in ((first, 0.1), (second, 21.6)):
        about = {
            **usage(60, 5),
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            **conversation,
        }
        r.span("chat gpt-5-mini", start, start + 1, parent, **operation("chat", **about))
    for parent, start, error in ((first, 2, interrupt), (second, 20.5, None)):
        about = {"gen_ai.tool.name": "send_mail", "gen_ai.agent.name": "orion"}
        r.span(
            "execute_tool send_mail",
            start,
            start + 0.9,
            parent,
            error=error,
            **operation("execute_tool", **about),
        )
    r.write("genai_langchain", "opentelemetry-instrumentation-genai-langchain 1.3b0")


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    pydantic_ai()
    pydantic_ai(cancelled=True)
    for write in (agent_framework, adk, genai_langchain, openinference_langchain, openllmetry, mcp):
        write()
