from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"

    def ready(self) -> None:
        from runs import checks, signals  # noqa: F401  connects receivers
        from runs.execution import background
        from runs.execution.budget_actions import Budgets

        background.register(Budgets)
