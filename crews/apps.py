from django.apps import AppConfig


class CrewsConfig(AppConfig):
    name = "crews"
    verbose_name = "Crews"

    def ready(self) -> None:
        from crews import checks, converters  # noqa: F401  registers them
        from crews.audit import receivers, sign_in, users  # noqa: F401  connects sign_in's receivers

        receivers.connect()
        users.connect()
