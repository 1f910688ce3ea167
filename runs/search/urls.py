from django.urls import path

from runs.search import pages

urlpatterns = [path("search/", pages.search, name="search")]
