"""Pages of the crew editor."""

from django.urls import path

from runs.editor import file_page, pages

urlpatterns = [
    path("crews/new/", pages.new, name="crew-new"),
    path("crews/<id:pk>/edit/", pages.edit, name="crew-edit"),
    path("crews/new/file/", file_page.new_crew_file, name="crew-file-new"),
    path("crews/<id:pk>/file/", file_page.crew_file, name="crew-file"),
    path("crews/<id:pk>/crew.yaml", file_page.download, name="crew-download"),
]
