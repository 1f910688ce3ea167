"""The ASGI application: Django for HTTP, Channels for the sockets."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  needs the app registry
from django.conf import settings  # noqa: E402

from crewops import garbage  # noqa: E402
from crewops.body_limit import BodyLimit  # noqa: E402
from crewops.handler import Handler  # noqa: E402
from crewops.request_context import RequestContext  # noqa: E402
from crewops.request_head import SocketsNeedUpgrade  # noqa: E402
from realtime.daphne_writer import OfferDaphneWriter  # noqa: E402
from realtime.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": RequestContext(
            SocketsNeedUpgrade(BodyLimit(Handler(), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        ),
        "websocket": OfferDaphneWriter(URLRouter(websocket_urlpatterns)),
    }
)

garbage.settle()
