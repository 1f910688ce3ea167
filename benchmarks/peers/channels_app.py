"""A stock Channels consumer over channels_redis' pub/sub layer, as in Channels' tutorial."""

import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from django.conf import settings

LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
GROUP = "events"

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": LAYER, "CONFIG": {"hosts": [os.environ["REDIS_URL"]]}}}
)


class Events(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def event(self, message: dict) -> None:
        await self.send(text_data=message["text"])


application = ProtocolTypeRouter({"websocket": Events.as_asgi()})
