"""Appearance of the admin: the settings of unfold."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _may_see(app_label: str, model: str) -> Callable[[HttpRequest], bool]:
    def permission(request: HttpRequest) -> bool:
        from django.apps import apps
        from django.contrib.admin import site

        model_admin = site.get_model_admin(apps.get_model(app_label, model))
        return model_admin.has_view_permission(request)

    return permission


def _list(app_label: str, model: str, title: str, icon: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{model}_changelist"),
        "permission": _may_see(app_label, model),
    }


UNFOLD = {
    "SITE_TITLE": "CrewOps",
    "SITE_HEADER": "CrewOps",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        # Tailwind's blue, the closest to the blue of the other pages.
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "STYLES": [lambda request: static("crews/admin.css")],
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Crews",
                "items": [
                    _list("crews", "organization", "Organizations", "domain"),
                    _list("crews", "membership", "Memberships", "group"),
                    _list("crews", "crew", "Crews", "smart_toy"),
                    _list("crews", "approvalrule", "Approval rules", "approval"),
                    _list("crews", "secret", "Secrets", "key"),
                ],
            },
            {
                "title": "Runs",
                "items": [
                    _list("runs", "run", "Runs", "play_circle"),
                    _list("runs", "toolexecution", "Tool executions", "build"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _list("auth", "user", "Users", "person"),
                    _list("axes", "accessattempt", "Failed sign-ins", "lock"),
                    _list("crews", "auditentry", "Audit entries", "history"),
                ],
            },
        ],
    },
}
