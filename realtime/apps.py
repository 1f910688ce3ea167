from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Real time"

    def ready(self) -> None:
        from realtime import signals  # noqa: F401  connects their receivers
        from realtime.log import retention  # noqa: F401  connects their receivers
        from realtime.monitoring import retention as _  # noqa: F401  connects their receivers
        from realtime.monitoring.samples import Recorder
        from runs.execution import background

        background.register(Recorder)
