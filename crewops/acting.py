"""Tells the audit trail which request is being answered, and so who acts."""

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from crews.audit.actor import acting_through


@sync_and_async_middleware
def acting(get_response):
    """Stands after whoever sets ``request.user``; each request has a context of its own."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request):
                return await get_response(request)

    else:

        def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request):
                return get_response(request)

    return answer
