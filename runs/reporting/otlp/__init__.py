"""OpenTelemetry: spans of `POST /v1/traces` become events of reported runs.

`body` and the two formats decode a request into spans, `dialects` says what a span means,
`span_tree` looks at spans together, `events` makes events. Only `trace_request`,
`span_queries` and `ending` touch the database.
"""
