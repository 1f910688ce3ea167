"""What the site tells browsers, refuses to start with, and writes to its log."""

from tests.guards.guard import Edit, guard

BROWSERS = "crewops/settings/browsers.py"
START = "tests/test_settings.py"
STRICT = f"{START}::test_production_tells_browsers_to_be_strict"
LOGS = "crewops/logs.py"
TRACEBACK = (
    "tests/test_logs.py::TestForm::"
    "test_a_secret_in_a_traceback_is_redacted_and_variables_are_not_shown"
)

SITE = (
    *(
        guard(f"site: {name}", BROWSERS, text, without, STRICT)
        for name, text, without in (
            ("frames", 'X_FRAME_OPTIONS = "DENY"', 'X_FRAME_OPTIONS = "SAMEORIGIN"'),
            ("types", "SECURE_CONTENT_TYPE_NOSNIFF = True", "SECURE_CONTENT_TYPE_NOSNIFF = False"),
            ("referrer", 'SECURE_REFERRER_POLICY = "same-origin"', "SECURE_REFERRER_POLICY = None"),
            ("transport", "default=0 if DEBUG else 30 * 24 * 3600", "default=0"),
            ("content", '"default-src": [NONE],', '"default-src": ["*"],'),
            ("devices", '"camera", ', ""),
        )
    ),
    *(
        guard(f"site: cookies, {name}", BROWSERS, text, without, STRICT)
        for name, text, without in (
            ("over TLS", "CSRF_COOKIE_SECURE = not DEBUG", "CSRF_COOKIE_SECURE = False"),
            ("hidden from scripts", "SESSION_COOKIE_HTTPONLY = True", "SESSION_COOKIE_HTTPONLY = False"),
            ("of the same site", 'CSRF_COOKIE_SAMESITE = "Lax"', "CSRF_COOKIE_SAMESITE = None"),
        )
    ),
    guard(
        "site: TLS",
        *(BROWSERS, 'env.bool("HTTPS_REDIRECT", default=not DEBUG)', "False"),
        STRICT,
    ),
    guard(
        "site: its own host names",
        *(BROWSERS, ').split(",")\n# Exact', ').split(",") + ["*"]\n# Exact'),
        STRICT,
    ),
    guard(
        "site: caches",
        *("runs/views.py", "@never_cache\n@require_safe\ndef run(", "@require_safe\ndef run("),
        "runs/tests/test_views.py::TestReading::test_pages_are_not_kept_by_caches_and_not_found_by_search_engines",
    ),
    guard(
        "site: live pages are read alone",
        *("realtime/views.py", "return require_safe(login_required(", "return (login_required("),
        "realtime/tests/pages/test_every_page.py::TestEveryPage::test_only_answers_to_reading",
    ),
    guard(
        "site: what a tool prints is no page",
        *("runs/views.py", '            "X-Content-Type-Options": "nosniff",\n', ""),
        "runs/tests/test_views.py::TestText::test_output_is_served_as_plain_text_that_no_browser_guesses_about",
        behind=(Edit(BROWSERS, "SECURE_CONTENT_TYPE_NOSNIFF = True", "SECURE_CONTENT_TYPE_NOSNIFF = False"),),
    ),
    guard(
        "start: secrets are set in production",
        *("crewops/settings/environment.py", "if not value:", "if False:"),
        f"{START}::test_production_without_it_stops_and_says_what_to_set[SECRET_KEY]",
    ),
    guard(
        "start: origins are exact",
        BROWSERS,
        'if urlsplit(origin).scheme not in ("http", "https") or not urlsplit(origin).netloc:',
        "if False:",
        f"{START}::test_an_origin_that_is_none_is_named[*]",
    ),
    guard(
        "start: not every proxy is trusted",
        *("crewops/settings/limits.py", 'if "*" in TRUSTED_PROXIES:', "if False:"),
        f"{START}::test_trusting_every_proxy_is_refused",
    ),
    guard(
        "start: keys are keys",
        *("crewops/settings/secrets.py", "if size != KEY_BYTES:", "if False:"),
        f"{START}::test_a_key_that_is_none_is_named_by_its_place_alone[too-short]",
    ),
    guard(
        "log: lines for people",
        *(LOGS, "return redact(super().format(record))", "return super().format(record)"),
        "tests/test_logs.py::TestForm::test_a_secret_in_a_message_is_redacted",
    ),
    guard(
        "log: tracebacks",
        *(LOGS, 'redact(event["exception"])', 'event["exception"]'),
        TRACEBACK,
    ),
    guard(
        "log: a path makes no line of its own",
        *("crewops/request_context.py", 'quote(scope["path"])', 'scope["path"]'),
        "tests/test_logs.py::TestRequests::test_a_path_cannot_make_a_line_of_its_own",
    ),
    guard(
        "log: an id from outside looks like one",
        *("realtime/request_id.py", "GIVEN.fullmatch(text := value.decode(\"latin-1\"))", "(text := value.decode(\"latin-1\"))"),
        "tests/test_logs.py::TestRequests::test_an_id_that_is_none_is_replaced",
    ),
    guard(
        "metrics: a client makes no labels",
        *("crewops/request_context.py", 'method if method in METHODS else "other"', "method"),
        "tests/test_metrics.py::TestWork::test_requests_are_counted_but_health_checks",
    ),
    guard(
        "metrics: nor by a close code",
        *("realtime/metrics.py", 'return str(code) if known else "other"', "return str(code)"),
        "tests/test_metrics.py::test_a_client_cannot_make_labels",
    ),
    guard(
        "metrics: none without a token",
        *("crewops/metrics.py", "if not settings.METRICS_TOKEN:", "if False:"),
        "tests/test_metrics.py::TestAccess::test_without_a_token_set_there_are_none_and_it_says_why",
    ),
)  # fmt: skip
