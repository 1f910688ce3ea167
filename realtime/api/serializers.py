from typing import Any

from rest_framework import serializers

from realtime.log import PAGE_EVENTS
from realtime.log.reading import MAX_SEQ
from realtime.sockets.hello import SEQ_DIGITS

EPOCH_LIMIT = 64  # characters; a longer one is refused, ours are shorter


class SeqField(serializers.IntegerField):
    """A whole number, read as a socket's ``?since=``: one beyond every head is taken as such."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not text.isascii() or not text.isdigit():
            self.fail("invalid")
        return min(int(text.lstrip("0")[:SEQ_DIGITS] or 0), MAX_SEQ)


class PositionSerializer(serializers.Serializer):
    """Query parameters: the position of a reader in the stream."""

    since = SeqField(
        min_value=0,
        required=False,
        help_text="Return events after this seq. By default, start with the oldest event kept.",
    )
    epoch = serializers.CharField(
        max_length=EPOCH_LIMIT,
        required=False,
        allow_blank=True,
        help_text="The epoch that `since` was read in.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=PAGE_EVENTS, default=PAGE_EVENTS, help_text="Events at most."
    )


class EventSerializer(serializers.Serializer):
    """The fields that every event has; the others depend on its type."""

    type = serializers.CharField()
    seq = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    crew_id = serializers.UUIDField()
    run_id = serializers.UUIDField()


class EventPageSerializer(serializers.Serializer):
    """Events of a stream in order. Ask again with ``since=next`` until ``next`` is ``head``."""

    stream = serializers.CharField()
    epoch = serializers.CharField(help_text="Another epoch means other numbers.")
    head = serializers.IntegerField(help_text="seq of the newest event; 0: none yet.")
    floor = serializers.IntegerField(help_text="Events up to this seq have been pruned.")
    reset = serializers.ChoiceField(
        choices=["epoch_changed", "pruned", "ahead"],
        allow_null=True,
        help_text=(
            "Not null: the stream does not know the position. Forget what was read before; "
            "this page begins anew with the oldest event that is kept."
        ),
    )
    next = serializers.IntegerField(help_text="The `since` of the next page.")
    closed = serializers.BooleanField(help_text="This was the last page: nothing will follow.")
    events = EventSerializer(many=True)
