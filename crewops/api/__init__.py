"""Shared parts of the HTTP API: problems, pages, request bodies, tokens and the OpenAPI schema."""
