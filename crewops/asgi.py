"""The ASGI application: Django for HTTP, Channels for the sockets."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  needs the app registry
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from crewops import gc_tuning  # noqa: E402
from crewops.body_limit import BodyLimit  # noqa: E402
from crewops.handler import Handler  # noqa: E402
from crewops.request_context import RequestContext  # noqa: E402
from crewops.request_head import SocketsNeedUpgrade  # noqa: E402
from realtime.monitoring.process_reports import WithProcessReports  # noqa: E402
from realtime.servers.daphne import OfferDaphneWriter  # noqa: E402
from realtime.sockets.routing import http_urlpatterns, websocket_urlpatterns  # noqa: E402
from runs.reporting.otlp.body import BODY_BYTES  # noqa: E402

limited = BodyLimit(
    Handler(),
    limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    limits=dict.fromkeys(("/v1/traces", "/v1/traces/"), BODY_BYTES),
)
pages = RequestContext(SocketsNeedUpgrade(limited))
application = ProtocolTypeRouter(
    {
        "http": WithProcessReports(URLRouter([*http_urlpatterns, re_path(r"", pages)])),
        "websocket": WithProcessReports(OfferDaphneWriter(URLRouter(websocket_urlpatterns))),
    }
)

gc_tuning.freeze_objects()
