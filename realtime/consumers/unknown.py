from realtime.consumers.base import NOT_FOUND, Refusal, StreamConsumer


class UnknownConsumer(StreamConsumer):
    """Any other path: refused like a record that is not there."""

    def admit(self) -> set[str]:
        raise Refusal(*NOT_FOUND)
