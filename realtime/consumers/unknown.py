from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from realtime.consumers.socket import NOT_FOUND, Refusal, SocketConsumer


class UnknownConsumer(SocketConsumer):
    """Any other path: refused like a record that is not there."""

    kind = "unknown"

    async def open(self, user: AbstractBaseUser | AnonymousUser) -> None:
        raise Refusal(*NOT_FOUND)

    def heads(self) -> dict[str, int]:
        return {}

    def stop(self) -> None:
        """There is nothing to stop."""

    async def leave(self) -> None:
        """There is nothing to leave."""
