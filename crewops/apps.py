from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "crewops.admin_site.CrewOpsAdminSite"


class CrewOpsConfig(AppConfig):
    name = "crewops"
    verbose_name = "CrewOps"

    def ready(self) -> None:
        from crewops import checks, expired_rows  # noqa: F401  connects checks and receivers
