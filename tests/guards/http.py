"""Signing in, tokens, and how much a client may take over HTTP."""

from tests.guards.guard import guard

SIGNING_IN, TOKENS_API = "crewops/signing_in.py", "crewops/api/tokens.py"
SETTINGS = "crewops/settings/applications.py"
TOKENS = "tests/test_tokens.py"
THROTTLING = "tests/test_throttling.py"
SIGN_INS = 'if rate.count(f"sign-in {address_of(request)}") > settings.SIGN_INS_PER_MINUTE:'

HTTP = (
    guard(
        "tokens: signature",
        *("crews/tokens.py", "token = kind(text)", "token = kind(text, verify=False)"),
        "tests/security/test_tokens.py::TestTheApi::test_refuses_each",
    ),
    guard(
        "tokens: a claim that is a user's number",
        "crews/tokens.py",
        "if not isinstance(claim, str) or not claim.isascii() or not claim.isdigit():",
        "if False:",
        "tests/security/test_tokens.py::TestTheApi::test_refuses_each",
    ),
    guard(
        "tokens: length",
        *("crews/tokens.py", "if len(text) > TOKEN_LIMIT:", "if False:"),
        "tests/security/test_request_heads.py::test_a_long_token_is_refused_with_words",
    ),
    guard(
        "tokens: the leeway for clocks is none for the expiry",
        *("crews/tokens.py", 'if token["exp"] <= time.time():', "if False:"),
        f"{TOKENS}::TestClocksThatDiffer::test_the_leeway_makes_no_token_live_longer",
    ),
    guard(
        "tokens: a changed password ends them",
        "crewops/settings/signing_in.py",
        '"CHECK_REVOKE_TOKEN": True',
        '"CHECK_REVOKE_TOKEN": False',
        f"{TOKENS}::test_a_changed_password_ends_access_and_refresh",
    ),
    guard(
        "tokens: a refresh token is its user's",
        TOKENS_API,
        'AccessTokenAuthentication().get_user(read(self.token_class, attrs["refresh"]))',
        "pass",
        f"{TOKENS}::test_a_changed_password_ends_access_and_refresh",
    ),
    guard(
        "tokens: a refresh token works once, also at once",
        *(TOKENS_API, "if not ended_now:", "if False:"),
        f"{TOKENS}::test_of_two_that_passed_the_look_for_used_ones_one_succeeds",
    ),
    guard(
        "tokens: none is kept",
        *(TOKENS_API, 'defaults={"token": "",', 'defaults={"token": str(self),'),
        f"{TOKENS}::test_the_database_holds_no_token_that_works",
    ),
    guard(
        "sign-in: lock",
        *(SIGNING_IN, "super().authenticate(request, *args, **credentials)", "pass"),
        "tests/test_sign_in_limits.py::"
        "test_many_lock_that_name_at_that_address_by_every_way_and_nothing_else",
    ),
    guard(
        "sign-in: rate",
        *(SIGNING_IN, SIGN_INS, "if False:"),
        f"{THROTTLING}::test_many_names_from_one_address_are_refused_like_a_wrong_password",
    ),
    guard(
        "sign-in: the lock is of a name at an address",
        "crewops/settings/signing_in.py",
        '[["username", "ip_address"]]',
        '["username"]',
        "tests/test_sign_in_limits.py::"
        "test_many_lock_that_name_at_that_address_by_every_way_and_nothing_else",
    ),
    guard(
        "throttle: user",
        "crewops/api/throttling.py",
        'rate.count(f"user {user.pk}") <= settings.API_CALLS_PER_MINUTE',
        "True",
        f"{THROTTLING}::test_a_user_gets_so_many_calls_from_wherever",
    ),
    guard(
        "throttle: address",
        "crewops/api/throttling.py",
        'rate.count(f"address {address}") <= settings.API_CALLS_PER_MINUTE_ANONYMOUS',
        "True",
        f"{THROTTLING}::test_an_address_gets_so_many_and_cannot_choose_another",
    ),
    guard(
        "throttle: calls that fail before",
        "crewops/api/problems.py",
        'if throttled := refuses_failed(self.context["request"], self.context["view"]):',
        "if throttled := None:",
        f"{THROTTLING}::test_calls_that_fail_before_the_throttles_are_counted_too",
    ),
    guard(
        "throttle: wrong tokens of the metrics",
        "crewops/metrics.py",
        "if calls > settings.API_CALLS_PER_MINUTE_ANONYMOUS:",
        "if False:",
        f"{THROTTLING}::test_wrong_tokens_of_the_metrics_are_counted",
    ),
    guard(
        "body: size, as it comes",
        *("crewops/body_limit.py", "if received > self.limit:", "if False:"),
        "tests/test_body_limit.py::test_a_body_that_comes_too_large_is_refused_as_soon_as_it_is",
    ),
    guard(
        "body: size, as it is announced",
        *("crewops/body_limit.py", "if _declared(scope) > self.limit:", "if False:"),
        "tests/test_body_limit.py::test_a_body_that_is_announced_too_large_is_not_read",
    ),
    guard(
        "body: time",
        *("crewops/body_limit.py", "await self._in_time(receive, until)", "await receive()"),
        "tests/test_body_limit.py::test_a_body_that_trickles_in_is_not_waited_for",
    ),
    guard(
        "head: size",
        *("crewops/http_protocol.py", "if self._head_bytes > HEAD_LIMIT:", "if False:"),
        "tests/security/test_half_open.py::test_a_head_that_does_not_end_is_refused",
    ),
    guard(
        "head: size, when it is complete",
        "crewops/request_head.py",
        "if size_of(method, target, headers) > HEAD_LIMIT:",
        "if False:",
        "tests/security/test_request_heads.py::test_a_head_may_have_64_kib_and_no_byte_more",
    ),
    guard(
        "head: one host",
        *("crewops/request_head.py", 'if len(hosts) > 1 or (not hosts and version == "1.1"):', "if False:"),
        "tests/security/test_request_heads.py::test_a_request_has_one_host",
    ),
    guard(
        "head: a host that is one",
        *("crewops/request_head.py", "if hosts and not HOST.fullmatch(hosts[0]):", "if False:"),
        "tests/security/test_request_heads.py::test_a_request_has_one_host",
    ),
    guard(
        "compression: not of tokens",
        *("crewops/compression.py", '"/static/", "/api/token/")', '"/static/")'),
        "tests/test_compression.py::test_what_is_small_secret_or_for_machines_is_left_as_it_is",
    ),
    guard(
        "forms: the page's token",
        *(SETTINGS, '    "django.middleware.csrf.CsrfViewMiddleware",\n', ""),
        "runs/tests/test_forms.py::test_forms_need_the_pages_token_and_a_post",
    ),
    guard(
        "pages: content security policy",
        *(SETTINGS, '    "csp.middleware.CSPMiddleware",\n', ""),
        "runs/tests/test_views.py::TestText::test_scripts_run_from_files_and_with_a_nonce_only",
    ),
    guard(
        "metrics: token",
        "crewops/metrics.py",
        'if scheme.lower() != "bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):',
        "if False:",
        "tests/test_metrics.py::TestAccess::test_a_request_without_the_token_is_told_what_to_send",
    ),
    guard(
        "throttle: every view of the API",
        "crewops/settings/api.py",
        '"DEFAULT_THROTTLE_CLASSES": ["crewops.api.throttling.CallLimit"]',
        '"DEFAULT_THROTTLE_CLASSES": []',
        f"{THROTTLING}::test_the_refusal_is_a_problem_that_says_when_to_come_back",
    ),
    guard(
        "sign-in: the name is kept as one that is",
        *(SIGNING_IN, '.replace("\\0", "")[:NAME_LENGTH]', ""),
        "tests/test_sign_in_limits.py::test_any_name_may_be_tried",
    ),
    guard(
        "sign-in: a session's key looks like ours",
        *("crews/sessions.py", "key is not None and KEY.fullmatch(key) is not None", "bool(key)"),
        "crews/tests/test_sign_in.py::test_a_session_key_that_is_none_of_ours_is_looked_up_nowhere",
    ),
    guard(
        "tokens: who is gone or has another password gets none by a refresh token",
        TOKENS_API,
        'AccessTokenAuthentication().get_user(read(self.token_class, attrs["refresh"]))',
        "pass",
        f"{TOKENS}::test_a_changed_password_ends_access_and_refresh",
        f"{TOKENS}::test_tokens_of_a_deleted_user_are_refused",
    ),
    guard(
        "tokens: what ends one reads it first",
        *(TOKENS_API, '        read(self.token_class, attrs["refresh"])\n        return super()', "        return super()"),
        "tests/security/test_tokens.py::TestTheApi::test_revokes_what_it_would_refresh",
    ),
    guard(
        "tokens: whatever is wrong with one",
        *("crews/tokens.py", "raise TokenError(INVALID) from error", "raise"),
        "tests/security/test_tokens.py::TestTheApi::test_refuses_each",
    ),
    guard(
        "head: time",
        *("crewops/http_protocol.py", "self.loop.call_later(HEAD_S, self", "self.loop.call_later(3600, self"),
        "tests/security/test_half_open.py::test_a_head_that_trickles_in_is_not_waited_for",
    ),
    guard(
        "head: how many wait",
        *("crewops/http_protocol.py", "if len(self.waiting) > WAITING_LIMIT:", "if False:"),
        "tests/security/test_half_open.py::test_half_open_connections_are_bounded_and_hold_up_nobody",
    ),
    guard(
        "body: depth",
        *("crewops/api/bodies.py", "except RecursionError as error:", "except InterruptedError as error:"),
        "tests/test_problems.py::test_a_body_that_cannot_be_read",
    ),
    guard(
        "pages: a cursor is one of ours",
        "crewops/api/pagination.py",
        "return signing.Signer(salt=self._salt).unsign_object(cursor)",
        "return signing.JSONSerializer().loads(signing.b64_decode(cursor.encode()))",
        "crews/tests/test_api.py::test_a_made_up_cursor_is_refused",
    ),
    guard(
        "pages: a cursor is of its own list",
        *("crewops/api/pagination.py", "return f\"cursor {self.url.partition('?')[0]}\"", 'return "cursor"'),
        "crews/tests/test_api.py::test_a_cursor_of_another_list_is_refused",
    ),
    guard(
        "pages: size",
        *("crewops/api/pagination.py", " and 1 <= int(asked) <= MAX_PAGE_SIZE:", ":"),
        "crews/tests/test_api.py::test_an_impossible_page_size_is_refused",
    ),
    guard(
        "pages: a place in the log is a number that the database holds",
        *("realtime/api/serializers.py", "[:SEQ_DIGITS] or 0), SEQ_LIMIT)", "[:SEQ_DIGITS] or 0), 10**30)"),
        "realtime/tests/test_api.py::test_a_position_beyond_every_head_is_ahead_as_on_a_socket",
    ),
    guard(
        "pages: a place in an output is a number",
        *("runs/views.py", "if not start.isdecimal() or len(start) > 9:", "if False:"),
        "runs/tests/test_views.py::TestOutput::test_a_place_that_is_no_number_is_refused_with_a_reason",
    ),
    guard(
        "run: a key is what the database holds",
        *("runs/api/idempotency.py", "if not KEY.fullmatch(key):", "if False:"),
        "runs/tests/api/test_start.py::TestIdempotency",
    ),
)  # fmt: skip
