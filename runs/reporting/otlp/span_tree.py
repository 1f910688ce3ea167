"""The spans of a run beside each other: which agent a span belongs to, and how an agent ended."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from runs.reporting.otlp.dialects import Ending

DEPTH = 100  # of a chain of parents


class Node(msgspec.Struct):
    """The data kept of a span while its run is open."""

    span_id: str
    parent_id: str = ""
    kind: str = ""
    name: str = ""  # of the agent that an agent's span is, of a workflow, of a tool
    agent: str = ""  # the agent that the span itself names
    start: float = 0.0
    end: float = 0.0
    status: str = ""
    message: str = ""
    is_remote: bool = False  # its parent is in another process
    has_usage: bool = False  # a model call that gives its tokens


class ParentMissing(Exception):
    """A span between this one and its agent has not arrived."""


class DuplicateSpan(Exception):
    """The call has another span already."""


def chain(node: Node, nodes: Mapping[str, Node]) -> Iterator[Node]:
    """The spans above ``node``, nearest first. Raises ``ParentMissing`` at one that is missing."""
    for _ in range(DEPTH):
        if not node.parent_id:
            return
        if node.parent_id not in nodes:
            raise ParentMissing
        node = nodes[node.parent_id]
        yield node


def missing_in(nodes: Mapping[str, Node]) -> set[str]:
    """The ids of parents that have not arrived."""
    return {node.parent_id for node in nodes.values()} - nodes.keys() - {""}


def roots_of(nodes: Mapping[str, Node]) -> list[Node]:
    """The spans of a trace that are below no other: those without a parent, and those whose
    parent's process may send no spans to CrewOps.
    """
    tops = [node for node in nodes.values() if node.parent_id not in nodes]
    return [node for node in tops if not node.parent_id or node.is_remote]


def agent_above(node: Node, nodes: Mapping[str, Node]) -> str:
    """The name of the agent that ``node`` works for; empty if no span above it is an agent's."""
    for above in chain(node, nodes):
        if above.agent:
            return above.agent
    return ""


def agent_of_call(node: Node, nodes: Mapping[str, Node]) -> str:
    """The agent of a tool or model call. Its own attribute is known at once, and counts first.

    Raises ``DuplicateSpan`` for an MCP span within the span of the tool call that it carries out,
    and for a model call that the span of another has counted.
    """
    if node.kind == "mcp" and any(above.kind == "tool" for above in chain(node, nodes)):
        raise DuplicateSpan
    if node.kind == "model" and not node.agent and _is_counted_above(node, nodes):
        raise DuplicateSpan
    return node.agent or agent_above(node, nodes)


def _is_counted_above(node: Node, nodes: Mapping[str, Node]) -> bool:
    """Whether a framework and the client library below it both made a span for the call.

    If only the library knows the tokens, both are shown: the sum is right, and no call is lost.
    """
    for above in chain(node, nodes):
        if above.kind == "model":
            return above.has_usage or not node.has_usage
        if above.kind in ("agent", "tool", "workflow"):
            return False
    return False


def outcome(node: Node, within: Iterable[Node]) -> Ending:
    """How an agent or a run ended.

    A span without a status is no proof of success: sources leave the agent's span without one when
    it was cancelled. Then the calls within it decide. One that failed counts unless another that
    succeeded began after it: the agent went on.
    """
    if node.status:
        return Ending(node.status, node.message)
    calls = [call for call in within if call.kind in ("tool", "model", "agent")]
    went_on = max((call.start for call in calls if _is_fine(call)), default=0.0)
    bad = [call for call in calls if not _is_fine(call) and call.end > went_on]
    for status in ("waiting", "cancelled", "failed"):
        for call in bad:
            if call.status == status:
                return Ending(status, call.message)
    return Ending("succeeded", "")


def ending_of_roots(roots: Iterable[Node], nodes: Mapping[str, Node]) -> Ending:
    """How the last of the roots ended. A web request has no status: its calls decide."""
    last = max(roots, key=lambda node: node.end)
    return outcome(last, within(last, children_of(nodes)))


def _is_fine(call: Node) -> bool:
    return call.status in ("", "succeeded")


Children = Mapping[str, list[Node]]


def children_of(nodes: Mapping[str, Node]) -> Children:
    """The spans directly below each span, by its id."""
    children: dict[str, list[Node]] = {}
    for node in nodes.values():
        children.setdefault(node.parent_id, []).append(node)
    return children


def within(node: Node, children: Children) -> list[Node]:
    """The spans below ``node``, at any depth up to ``DEPTH``."""
    found: list[Node] = []
    level = [node]
    for _ in range(DEPTH):
        level = [child for each in level for child in children.get(each.span_id, [])]
        if not level:
            break
        found += level
    return found
