"""Pages of the notifications."""

from django.urls import path

from runs.notifications import pages

urlpatterns = [
    path("notifications/", pages.overview, name="notifications"),
    path("notifications/<id:pk>/", pages.target, name="notification-target"),
    path("notifications/<id:pk>/test/", pages.test, name="notification-test"),
    path("notifications/<id:pk>/delete/", pages.delete, name="notification-delete"),
    path("deliveries/<id:pk>/send-again/", pages.redeliver, name="notification-redeliver"),
]
