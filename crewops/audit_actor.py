"""Middleware: passes the current request to the audit trail and enforces the scope check.

The audit trail takes the actor from the request.
"""

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from crews.audit_actor import acting_through
from crews.scoping import enforcing_scope


@sync_and_async_middleware
def audit_actor(get_response):
    """Must come after the middleware that sets ``request.user``.

    Each request has its own context.
    """
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request), enforcing_scope():
                return await get_response(request)

    else:

        def answer(request: HttpRequest) -> HttpResponse:
            with acting_through(request), enforcing_scope():
                return get_response(request)

    return answer
