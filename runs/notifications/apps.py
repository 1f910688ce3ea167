from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "runs.notifications"
    label = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from runs.execution import background
        from runs.notifications import retention, signals  # noqa: F401  connects their receivers
        from runs.notifications.delivery_thread import Sender

        background.register(Sender)
        signals.watch()
