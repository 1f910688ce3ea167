"""The three sockets: authorise, join, catch up, relay."""

from realtime.consumers.graph import GraphConsumer
from realtime.consumers.mission import MissionConsumer
from realtime.consumers.run import RunConsumer
from realtime.consumers.unknown import UnknownConsumer

__all__ = ["GraphConsumer", "MissionConsumer", "RunConsumer", "UnknownConsumer"]
