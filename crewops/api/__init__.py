"""What the parts of the HTTP API share: problems, pages, bodies, tokens and the OpenAPI schema."""
