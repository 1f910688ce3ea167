"""Decorators of views, beside those of Django."""

from django.views.decorators.http import require_http_methods

require_GET_or_POST = require_http_methods(["GET", "HEAD", "POST"])
