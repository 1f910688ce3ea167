"""OpenTelemetry: spans of `POST /v1/traces` become events of reported runs.

`body` and the two formats decode a request into spans, `dialects` says what a span means,
`placing` and `outcome` look at spans together, `events` makes events, `calls` and `ending` are the
only ones that touch the database.
"""
