"""The paths of sockets and event streams, each with or without a trailing slash."""

from django.urls import re_path

from realtime.sockets.agui import AguiEvents
from realtime.sockets.graph import GraphConsumer
from realtime.sockets.live import LiveConsumer
from realtime.sockets.metrics import MetricsConsumer
from realtime.sockets.mission import MissionConsumer
from realtime.sockets.run import RunConsumer
from realtime.sockets.sse import GraphEvents, MissionEvents, RunEvents
from realtime.sockets.unknown import UnknownConsumer

websocket_urlpatterns = [
    re_path(r"^ws/runs/(?P<run_id>[^/]+)/?$", RunConsumer.as_asgi(), name="ws-run"),
    re_path(r"^ws/mission/?$", MissionConsumer.as_asgi(), name="ws-mission"),
    re_path(r"^ws/metrics/?$", MetricsConsumer.as_asgi(), name="ws-metrics"),
    re_path(r"^ws/graph/?$", GraphConsumer.as_asgi(), name="ws-graphs"),
    re_path(r"^ws/graph/(?P<crew_id>[^/]+)/?$", GraphConsumer.as_asgi(), name="ws-graph"),
    re_path(r"^ws/live/?$", LiveConsumer.as_asgi(), name="ws-live"),
    re_path(r"", UnknownConsumer.as_asgi()),
]

http_urlpatterns = [
    re_path(r"^sse/runs/(?P<run_id>[^/]+)/?$", RunEvents.as_asgi(), name="sse-run"),
    re_path(r"^sse/graph/(?P<crew_id>[^/]+)/?$", GraphEvents.as_asgi(), name="sse-graph"),
    re_path(r"^sse/mission/?$", MissionEvents.as_asgi(), name="sse-mission"),
    re_path(r"^agui/runs/(?P<run_id>[^/]+)/?$", AguiEvents.as_asgi(), name="agui-run"),
]
