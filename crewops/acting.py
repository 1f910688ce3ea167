"""Tells the audit trail which request is being answered, and so who acts; and the scopes that one is."""

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from crews.audit.actor import acting_through
from crews.scoping import answering


@sync_and_async_middleware
def acting(get_response):
    """Stands after whoever sets ``request.user``; each request has a context of its own."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request), answering():
                return await get_response(request)

    else:

        def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request), answering():
                return get_response(request)

    return answer
