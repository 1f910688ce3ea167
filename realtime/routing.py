"""Where the sockets are; a trailing slash is accepted everywhere."""

from django.urls import re_path

from realtime.consumers import GraphConsumer, MissionConsumer, RunConsumer, UnknownConsumer

websocket_urlpatterns = [
    re_path(r"^ws/runs/(?P<run_id>[^/]+)/?$", RunConsumer.as_asgi(), name="ws-run"),
    re_path(r"^ws/mission/?$", MissionConsumer.as_asgi(), name="ws-mission"),
    re_path(r"^ws/graph/?$", GraphConsumer.as_asgi(), name="ws-graphs"),
    re_path(r"^ws/graph/(?P<crew_id>[^/]+)/?$", GraphConsumer.as_asgi(), name="ws-graph"),
    re_path(r"", UnknownConsumer.as_asgi()),
]
