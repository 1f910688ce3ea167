"""The live pages."""

from django.urls import path

from realtime import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("crews/<id:pk>/", views.crew, name="crew"),
]
