from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    name = "runs.schedules"
    label = "schedules"
    verbose_name = "Schedules"

    def ready(self) -> None:
        from runs.execution import background
        from runs.schedules import audit, retention  # noqa: F401  connects its receivers
        from runs.schedules.schedule_thread import Clock

        background.register(Clock)
        audit.watch()
