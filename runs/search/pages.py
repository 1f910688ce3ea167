"""The search page. Its address holds the search, so a search can be shared and returned to."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs.search.forms import SearchForm
from runs.search.results import results


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The results of the search in the address. Without a search: how to search."""
    form = SearchForm(request.GET, user=request.user)
    found = None
    if form.is_valid() and not form.is_empty:
        found = results(request.user, form)
    return render(request, "search/search.html", {"form": form, "found": found})
