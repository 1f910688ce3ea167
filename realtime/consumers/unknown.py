from realtime.consumers.base import StreamConsumer
from realtime.consumers.socket import NOT_FOUND, Refusal


class UnknownConsumer(StreamConsumer):
    """Any other path: refused like a record that is not there."""

    def admit(self) -> set[str]:
        raise Refusal(*NOT_FOUND)
