"""Which code is guarded, and which tests may notice when a guard of it is gone."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.guards.shapes import removals
from tests.guards.trial import PACKAGES, Guard

SOCKETS = "realtime/tests/test_inbound.py realtime/tests/test_message_pack.py "
SOCKETS += "realtime/tests/sockets tests/test_logs.py tests/security/test_origins.py "
SOCKETS += "tests/security/test_rev*.py tests/test_access*.py tests/test_socket_access_of_keys.py"
ACCESS = "tests/test_access.py tests/test_access_of_keys.py"
FLOODS = "tests/security/test_half_open.py tests/security/test_floods.py"
# By the beginning of a file's path, the longest counts; tests that notice first stand in front.
TESTS = {
    "crewops/": "tests/test_throttling.py tests/test_tokens.py tests/test_sign_in_limits.py "
     "tests/test_body_limit.py tests/test_logs.py tests/test_metrics*.py tests/test_health.py "
     "tests/test_problems.py tests/test_compression.py crews/tests/test_api.py "
     "tests/test_access.py",
    "crewops/admin_site.py": "crews/tests/test_admin.py",
    "crewops/api/tokens.py": "tests/test_tokens.py tests/security/test_tokens.py",
    "crewops/demo_reporter.py": "tests/test_demo_reporter.py tests/test_access.py",
    "crewops/request_head.py": "tests/security/test_request_heads.py",
    "crewops/settings/": "tests/test_settings.py tests/test_sign_in_limits.py tests/test_tokens.py "
     "tests/test_throttling.py runs/tests/test_forms.py runs/tests/test_views.py",
    "crewops/uvicorn_http.py": f"tests/test_uvicorn_http.py {FLOODS}",
    "crewops/web.py": "realtime/tests/sockets/test_limits.py tests/security/test_floods.py",
    "crews/": "crews/tests tests/test_scope_check.py tests/test_access*.py "
     "runs/tests/test_waits.py",
    "crews/pages/approval_rules.py": "runs/tests/test_approval_rules*.py tests/test_access.py",
    "crews/pages/permissions.py": "runs/tests/test_*.py runs/notifications/tests "
     "tests/test_access.py",
    "crews/token_authentication.py": "tests/test_tokens.py tests/security/test_tokens.py "
     "tests/security/test_request_heads.py realtime/tests/sockets/test_refusals.py",
    "crews/tracking.py": "realtime/tests/test_signals.py",
    "realtime/": "realtime/tests/test_[afirs]*.py realtime/tests/delivery/test_controls.py "
     "realtime/tests/sockets realtime/tests/pages tests/test_metrics.py tests/test_access.py",
    "realtime/agui/": "realtime/tests/agui",
    "realtime/log/": "realtime/tests/test_*.py",
    "realtime/monitoring/": "realtime/tests/monitoring tests/test_access.py",
    "realtime/delivery/access_check.py": f"realtime/tests/delivery/test_access_check.py {SOCKETS}",
    "realtime/delivery/approval_waiters.py": "tests/test_deferred_response.py",
    "realtime/delivery/grants.py": SOCKETS,
    "realtime/sockets/metrics.py": "realtime/tests/monitoring/test_socket.py "
     f"tests/test_stream_access.py {SOCKETS}",
    "realtime/sockets/render_latency.py": "realtime/tests/monitoring",
    "realtime/delivery/connection_counts.py": f"realtime/tests/test_connection_counts.py {SOCKETS}",
    "realtime/servers/": FLOODS,
    "realtime/sockets/": SOCKETS,
    "runs/events/": "realtime/tests/test_poison.py",
    "runs/": "runs/tests/test_*.py runs/tests/api crews/tests/test_admin*.py "
     "crews/tests/test_api.py realtime/tests/test_fence.py realtime/tests/test_poison.py "
     "realtime/tests/test_report*.py tests/test_access.py",
    "runs/editor/": "runs/tests/editor tests/test_access.py",
    "runs/reporting/": "runs/tests/reporting tests/test_access_of_keys.py",
    "runs/notifications/": f"runs/notifications/tests {ACCESS}",
    "runs/schedules/": f"runs/schedules/tests {ACCESS}",
    "runs/search/": f"runs/search/tests {ACCESS}",
    "runs/tools/": "runs/tests/tools/test_registry.py runs/tests/tools/test_git*.py "
     "runs/tests/tools/test_[pbrs]*.py runs/tests/test_clones.py",
    "runs/tools/git_address.py": "runs/tests/tools/test_git_address.py",
    "runs/tools/public_address.py": "runs/tests/tools/test_public_address.py",
    "runs/tools/launcher/": "runs/tests/tools/test_box*.py runs/tests/tools/test_script*.py",
}  # fmt: skip

# The functions with guards; see `shapes` for the notation, and for what is a guard in every file.
FUNCTIONS = {
    "crewops/admin_site.py": "get_log_entries",
    "crewops/api/bodies.py": "parse~RecursionError",
    "crewops/api/pagination.py": "_page_size",
    "crewops/api/problems.py": "convert_known_exceptions~refuses_failed",
    "crewops/api/throttling.py": "allow_request",
    "crewops/api/tokens.py": "blacklist validate~AccessTokenAuthentication validate~token_class",
    "crewops/body_limit.py": "__call__ limited~received",
    "crewops/metrics.py": "metrics",
    "crewops/request_context.py": "_measure~METHODS",
    "crewops/request_head.py": "refusal_of",
    "crewops/sign_in_lockout.py": "authenticate authenticate~authenticate",
    "crewops/demo_reporter.py": "start_demo~settings.DEBUG start_demo~operable_by",
    "crews/admin/audit_entry.py": "_page_of~request.user.is_superuser",
    "crews/admin/crew.py": "get_readonly_fields",
    "crews/admin/failed_sign_in.py": "get_queryset~is_superuser",
    "crews/admin/organization.py": "get_readonly_fields",
    "crews/admin/scoped.py": "_colleagues~memberships__organization__in _may "
     "get_deleted_objects~Crew.Status.BUSY get_deleted_objects~self.has_delete_permission roles_of",
    "crews/admin/user.py": "get_queryset",
    "crews/api_key_authentication.py": "check_scope",
    "crews/pages/connect.py": "connect~manages",
    "crews/pages/permissions.py": "permitted",
    "crews/api/audit.py": "get_queryset~self.managed_organization",
    "crews/api/secrets.py": "get_queryset~self.managed_organization get_serializer_class",
    "crews/audit/users.py": "update~user.pk",
    "crews/audit_protection.py": "protect~connection",
    "crews/audit/receivers.py": "record_changes~hidden",
    "crews/audit/sign_in.py": "_named _record",
    "crews/audit/watched.py": "shown~step.get",
    "crews/management/commands/issue_token.py": "active_user",
    "crews/management/commands/prune_audit.py": "handle",
    "crews/management/commands/seed_demo.py": "_password",
    "crews/models/audit_entry.py": "update~_refuse",
    "crews/models/secret.py": "validate_host validate_username validate_value",
    "crews/scoping.py": "_within _within~user.memberships.filter check_reached",
    "crews/sealing.py": "unseal",
    "crews/sessions.py": "_validate_session_key",
    "crews/token_authentication.py": "read user_id_in",
    "crews/tracking.py": "update~self._refuse",
    "realtime/delivery/feed.py": "_deliver~follower.fall_behind",
    "realtime/delivery/hub.py": "receive~RecursionError",
    "realtime/log/reading.py": "refuses",
    "realtime/metrics.py": "code_label",
    "crewops/uvicorn_http.py": "_wait_for_head~WAITING_LIMIT data_received~HEAD_LIMIT "
     "_limit_bodies~BODIES_LIMIT on_headers_complete~is_awaited",
    "realtime/servers/deflate.py": "process_request_params deflate",
    "realtime/servers/uvicorn_ws.py": "handle_cont~FRAGMENTS_LIMIT "
     "handle_ping~self._control_frames.allows handle_pong~self._control_frames.allows "
     "send_receive_event_to_app~UnicodeDecodeError",
    "realtime/signals.py": "_emit",
    "realtime/delivery/access_check.py": "_check~watcher.session_key SESSIONS~expire_date__gt "
     "_close_expired~watcher.expires_at _close_unchecked~UNCHECKED_S",
    "realtime/delivery/approval_waiters.py": "read_decisions~_end_keyless _end_keyless~APPROVED",
    "realtime/delivery/grants.py": "grants",
    "realtime/sockets/metrics.py": "admit _allowed",
    "realtime/sockets/render_latency.py": "count",
    "realtime/sockets/auth.py": "verify identify",
    "realtime/sockets/base.py": "access_checked~grant.active access_checked~grant.credential "
     "open~self.node.access.add stays_member",
    "realtime/sockets/graph.py": "admit allowed",
    "realtime/sockets/hello.py": "seq_in",
    "realtime/sockets/live.py": "admit check _make_room _is_of_session",
    "realtime/sockets/subscriptions.py": "admit allowed",
    "realtime/sockets/subscribe_frames.py": "_entries~isinstance _name~isinstance",
    "realtime/sockets/inbound.py": "parse _parsed _unpacked",
    "realtime/delivery/connection_counts.py": "acquire_of_process",
    "realtime/sockets/mission.py": "admit",
    "realtime/sockets/request_id.py": "of",
    "realtime/sockets/run.py": "_readable admit allowed",
    "realtime/sockets/consumer.py": "_reauthenticate serve~settings.SOCKETS_PER_ADDRESS "
     "serve~settings.SOCKETS_PER_USER websocket_receive",
    "runs/api/idempotency_header.py": "key_of",
    "runs/events/encoding.py": "clean~isfinite clean~DEPTH_LIMIT encode~EVENT_LIMIT",
    "runs/execution/credentials.py": "_find _find~organization_id validate",
    "runs/execution/emitter.py": "progress~self._redactor.feed",
    "runs/execution/lease.py": "check",
    "runs/execution/reaper.py": "_end_lost",
    "runs/execution/known_secrets.py": "replace~text.replace",
    "runs/execution/redaction.py": "redact~pattern.replacement redact~SecretMatcher.of "
     "map_params~_is_secret secrets_in~unquote",
    "runs/execution/approval_display.py": "_check_key _show~OPENS _value shown shown_name",
    "runs/execution/run_queue.py": "claim",
    "runs/execution/workspace_removal.py": "_old~_is_ours _rename_for_removal",
    "runs/models/retry.py": "can_transfer_workspace",
    "runs/models/run.py": "finish finish~self.Status.RUNNING run_again",
    "runs/models/run_queryset.py": "lease_expired~self.model.Status.RUNNING request",
    "runs/models/task_execution.py": "finish start",
    "runs/models/tool_execution.py": "_as_report~MESSAGE_LIMIT _do_update~filter _report end start",
    "runs/pages/views.py": "run_output~start run_output~ToolExecution.objects.unscoped",
    "runs/tools/__init__.py": "_faults validate_steps",
    "runs/tools/base.py": "to_internal_value to_internal_value~path.is_absolute "
     "to_internal_value~settings.TOOLS_ALLOW_NETWORK working_directory",
    "runs/tools/box.py": "_find_tier~settings.TOOLS_ALLOW_UNBOXED_ROOT",
    "runs/tools/git_address.py": "_local _remote check_branch parse",
    "runs/tools/git_clone.py": "validate",
    "runs/tools/git_command.py": "ENVIRONMENT~GIT_CONFIG_GLOBAL GUARDS~core.hooksPath "
     "GUARDS~core.symlinks GUARDS~filter.lfs.process GUARDS~http.followRedirects _git~addresses",
    "runs/tools/launch.py": "finish~self._kill_marked",
    "runs/tools/launcher/command.py": "_drop_privileges~libc.PR_SET_NO_NEW_PRIVS "
     "_drop_privileges~os.setgroups _drop_privileges~os.setresuid",
    "runs/tools/launcher/filesystem.py": "build~libc.unmount",
    "runs/tools/launcher/namespaces.py": "_be_first~max_user_namespaces",
    "runs/tools/launcher/supervision.py": "_watch~silence_s",
    "runs/tools/launcher/tree.py": "adopt_orphans~libc.PR_SET_CHILD_SUBREAPER",
    "runs/tools/launcher/usage_limits.py": "_disk",
    "runs/tools/process.py": "excess run",
    "runs/tools/public_address.py": "is_public~is_global is_public~TRANSLATED resolve",
    "runs/tools/removal.py": "remove_inside remove_tree",
}  # fmt: skip

# What no shape shows, and what needs a second edit: name, file, text, what stands there without it.
DJANGO = "crewops/settings/applications.py"
SECURITY = "crewops/settings/security.py"
COMMAND = "runs/tools/launcher/command.py"
USAGE = "runs/tools/launcher/usage_limits.py"
GIT = "runs/tools/git_command.py"
NAMESPACES = "runs/tools/launcher/namespaces.py"
ACTIONS = "runs/admin/record_actions.py"
RECORD = "(request.user).get(pk=object_id)"
BY_HAND = (
    ("log: closed", "realtime/log/writing.py", ' WHERE {STREAM}.closed_at IS NULL', ''),
    ("report: running", "runs/models/report_queryset.py", "AND {table}.status = 'running' ", ''),
    ("api keys: valid", "crews/models/api_key.py",
     '        .valid(BindParam("now", models.DateTimeField()))\n', ''),
    ("api keys: valid on sockets", "realtime/delivery/grants.py", 'ApiKey.objects.valid()',
     'ApiKey.objects', "realtime/sockets/auth.py",
     'self.key_digest is not None and not grant.active', 'False'),
    ("admin: inline rows", "crews/admin/scoped.py", 'named.queryset = self.queryset', 'pass'),
    ("access: nobody signed in to the API", DJANGO, 'crews.api_key_authentication.IsAllowed',
     'rest_framework.permissions.AllowAny'),
    ("access: secrets for admins alone, of the API", "crews/api/secrets.py",
     'managed_by(self.request.user)', 'all()', "crews/api/organizations.py",
     'not Organization.objects.managed_by(user).filter(pk=organization.pk).exists()', 'False'),
    ("access: runs of the own crew", "realtime/pages/views.py", '.filter(crew=crew)', ''),
    ("access: the past of the own crew", "realtime/pages/views.py", 'crew=crew, pk=', 'pk='),
    ("access: operators are no viewers", "crews/scoping.py", 'OPERATING = ("operator"',
     'OPERATING = ("viewer", "operator"'),
    ("access: admins are no operators", "crews/scoping.py", 'MANAGING = ("admin"',
     'MANAGING = ("operator", "admin"'),
    ("access: audit trail of the API", "crews/api/audit.py", 'visible_to(self.request.user)',
     'all()', 'entries.filter(organization_id=self.managed_organization().pk)', 'entries'),
    ("access: an agent of another crew is given no task", "crews/models/task.py",
     'self.agent_id and self.crew_id and self.agent.crew_id != self.crew_id', 'False',
     "crews/admin/crew.py", 'obj.agents.all()', 'Agent.objects.unscoped()'),
    ("admin: secrets for admins alone", "crews/admin/secret.py", '.managed_by(request.user)', '',
     'reaches(request, "managed_by", Secret, obj.pk)', 'True',
     '        if obj is None:\n            return Role.ADMIN in roles_of(request)\n', ''),
    ("admin: no view that forwards to any record", "crewops/admin_site.py",
     ' if getattr(url, "name", "") != "view_on_site"', ''),
    ("admin: deleting what goes along", "crews/admin/scoped.py",
     'model_admin and not model_admin.has_delete_permission(request)', 'False'),
    ("admin: own agents", "crews/admin/crew.py", 'obj.agents.all()', 'Agent.objects.unscoped()'),
    ("admin: a membership stays its user's", "crews/admin/membership.py", '= True', '= False'),
    ("admin: a secret keeps its name", "crews/admin/secret.py", '*("organization", "name"),', ''),
    ("admin: secrets in forms", "crews/admin/secret.py", 'render_value=False', 'render_value=True'),
    *(
        (f"admin: {name}, once permitted", file, f"operable_by{RECORD}{then}",
         f"visible_to{RECORD}{then}", ACTIONS, '"operable_by")', '"visible_to")')
        for name, file, then in (
            ("starting", "runs/admin/crew.py", ""),
            ("cancelling", "runs/admin/run.py", "\n        control = run.cancel()"),
            ("pausing", "runs/admin/run.py", "\n        try:\n            control"),
            ("running again", "runs/admin/run.py", "\n        try:\n            retry"),
        )
    ),
    ("admin: watching, once permitted", ACTIONS, 'visible_to(request.user)', 'unscoped()',
     'self._reaches(request, object_id, "visible_to")', 'True'),
    ("audit: no secret of a deleted record is recorded", "crews/audit/receivers.py",
     '(name for name in watched.fields if name not in watched.hidden)', 'watched.fields'),
    ("tokens: forged", "crews/token_authentication.py", 'kind(text)', 'kind(text, verify=False)'),
    ("tokens: a changed password ends them", SECURITY, '_TOKEN": True', '_TOKEN": False'),
    ("tokens: kept", "crewops/api/tokens.py", '"token": ""', '"token": str(self)'),
    ("sign-in: the lock is of a name at an address", SECURITY, '[["username", "ip_address"]]',
     '["username"]'),
    ("trickle", "crewops/body_limit.py", 'await self._in_time(receive, until)', 'await receive()'),
    ("compression: tokens", "crewops/compression.py", ', "/api/token/"', ''),
    ("forms: the page's token", DJANGO, '    "django.middleware.csrf.CsrfViewMiddleware",\n', ''),
    ("pages: CSP", DJANGO, '    "csp.middleware.CSPMiddleware",\n', ''),
    ("throttle: every view of the API", DJANGO, '"crewops.api.throttling.CallLimit"', ''),
    ("sign-in: name as kept", "crewops/sign_in_lockout.py", '.replace("\\0", "")[:NAME_LENGTH]',
     ''),
    ("tokens: any other error", "crews/token_authentication.py",
     'raise TokenError(INVALID) from error', 'raise'),
    ("head: time", "crewops/uvicorn_http.py", 'call_later(HEAD_S, self', 'call_later(3600, self'),
    ("pages: a cursor is one of ours", "crewops/api/pagination.py",
     'return signing.Signer(salt=self._salt).unsign_object(cursor)',
     'return signing.JSONSerializer().loads(signing.b64_decode(cursor.encode()))'),
    ("pages: a cursor is of its own list", "crewops/api/pagination.py",
     ' {self.url.partition(\'?\')[0]}', ''),
    ("pages: a place in the log is a number that the database holds", "realtime/api/serializers.py",
     '[:SEQ_DIGITS] or 0), MAX_SEQ)', '[:SEQ_DIGITS] or 0), 10**30)'),
    ("site: frames", SECURITY, '"DENY"', '"SAMEORIGIN"'),
    ("referrer", SECURITY, 'POLICY = "same-origin"', 'POLICY = None'),
    ("site: transport", SECURITY, 'default=30 * 24 * 3600 if TLS else 0', 'default=0'),
    ("site: content", SECURITY, '"default-src": [NONE],', '"default-src": ["*"],'),
    ("site: devices", SECURITY, '"camera", ', ''),
    ("site: cookies TLS", SECURITY, 'CSRF_COOKIE_SECURE = TLS', 'CSRF_COOKIE_SECURE = False'),
    ("site: cookies", SECURITY, 'HTTPONLY = True', 'HTTPONLY = False'),
    ("site: same site", SECURITY, '"Lax"', 'None'),
    ("site: TLS", SECURITY, 'env.bool("HTTPS_REDIRECT", default=TLS)', 'False'),
    ("site: own host names", SECURITY, '.split(",")\n]\n# Exact',
     '.split(",")\n] + ["*"]\n# Exact'),
    ("site: what a tool prints is no page", "runs/pages/views.py",
     '"X-Content-Type-Options": "nosniff"', '', SECURITY, 'NOSNIFF = True', 'NOSNIFF = False'),
    ("start: secrets are set", "crewops/settings/environment.py", 'if missing:', 'if False:'),
    ("start: origins are exact", SECURITY,
     'not is_whole or origin.path not in ("", "/") or origin.query or origin.fragment', 'False'),
    ("start: trusted proxies", SECURITY, 'if "*" in proxies:', 'if False:'),
    ("start: keys are keys", "crewops/settings/environment.py", 'size != KEY_BYTES', 'False'),
    ("log: lines of a path", "crewops/request_context.py", 'quote(scope["path"])', 'scope["path"]'),
    ("recheck: mission", "realtime/sockets/mission.py", 'return set(map(streams.mission, grant.crews))', 'return set(self.followers)'),
    ("connections: processes together", "realtime/delivery/connection_counts.py", ' + sum(others)',
     ''),
    ("connections: from trusted proxies alone", "crewops/web.py", 'settings.TRUSTED_PROXIES',
     '"*"'),
    ("delivery: an event that is not the next is read from the log", "realtime/delivery/feed.py",
     ' and seq == self.head + 1', '', 'follows = entry.seq == before + 1', 'follows = True'),
    ("delivery: every reader can read the text", "runs/events/encoding.py", 'storable(value)',
     'value'),
    ("run: a paused one is not taken", "runs/models/run_queryset.py", ', pause_requested=False',
     ''),
    ("run: starts once", "runs/models/run.py",
     'raise InvalidState(f"Run {self.pk} is {self.status}; only a queued run starts.")', 'pass'),
    ("workspace: what a task left is not looked for behind a link", "runs/tools/removal.py",
     'OPEN_DIRECTORY | os.O_NOFOLLOW', 'OPEN_DIRECTORY'),
    ("lease: of the attempt", "runs/execution/lease.py", 'run.attempt != self._run.own_attempt or ',
     '', "runs/models/run_queryset.py", 'attempt=run.own_attempt, status', 'status'),
    ("fence: in the statement that moves the head", "realtime/log/fences.py",
     'held = " AND ".join([f"({either})", *complete])', 'return "true", []'),
    ("fence: several reports pass the fences of all their attempts", "realtime/log/fences.py",
     'AS held) = %s', 'AS held) > 0 AND %s > 0'),
    ("end: one done of a stream, in the database", "realtime/migrations/0001_initial.py",
     "'constraints': [models.UniqueConstraint(condition=models.Q(('type', 'done')), fields=('stream',), name='event_one_done')],",
     ''),
    ("step: length of a script", "runs/tools/script.py", 'max_length=MAX_CODE_CHARS, ', ''),
    ("output: length", "runs/tools/output.py", '> self._left:', '> 1 << 40:'),
    ("git: --", GIT, '"--", address.url', 'address.url'),
    ("git: private addresses behind a translator", "runs/tools/public_address.py",
     'any(address in network for network in TRANSLATED)', 'False', ' and not address.is_reserved',
     ''),
    ("git: filters", GIT, '    "filter.lfs.smudge": "",\n', '', '    "filter.lfs.process": "",\n',
     ''),
    ("git: protocols", GIT, '    "protocol.allow": "never",\n', '',
     ' | {"GIT_ALLOW_PROTOCOL": address.scheme}', ''),
    ("git: no helper for credentials", GIT, '    "credential.helper": "",\n', '',
     '    "GIT_CONFIG_GLOBAL": "/dev/null",\n', ''),
    ("secret: answers for its host alone", "runs/tools/askpass",
     '"Password for \'https://"*"@$CREWOPS_SECRETS_HOST\': ") ;;', '"Password for "*) ;;'),
    ("redaction: a secret in two pieces", "runs/execution/stream_redaction.py",
     'return self._release(end)', 'return self._release(len(self._held))'),
    ("redaction: a secret over a pause", "runs/execution/stream_redaction.py",
     'self._release(self._value_from())', 'self.finish()'),
    ("redaction: a name that was released before its value", "runs/execution/stream_redaction.py",
     'self._context + text', 'text'),
    ("secret: no answer holds its value", "crews/api/secrets.py", '        write_only=True,\n', ''),
    ("secret: stored encrypted", "crews/sealing.py",
     '_keys().encrypt(json.dumps([bound_to, value]).encode()).decode()',
     'json.dumps([bound_to, value])'),
    ("secret: read once", "runs/tools/launch.py", 'text = "".join(f"{line}\\n" for line in lines)',
     'text = "".join(f"{line}\\n" for line in lines * 2)'),
    ("box: env", "runs/tools/box.py", '"PYTHONUNBUFFERED": "1",',
     '"PYTHONUNBUFFERED": "1", **os.environ,'),
    ("box: files", "runs/tools/launcher/filesystem.py", 'for path in order["readable"]:',
     'for path in [*order["readable"], os.path.dirname(os.path.dirname(order["workspace"]))]:',
     COMMAND, '        os.setresuid(uid, uid, uid)\n', ''),
    ("box: the system is read-only", "runs/tools/launcher/filesystem.py",
     'libc.MOUNT_ATTR_RDONLY | libc', 'libc'),
    ("box: network", NAMESPACES, '(0 if order["network"] else libc.CLONE_NEWNET)', '0',
     '        _raise_loopback()\n', '        pass\n'),
    ("box: open files", COMMAND, 'limits["open_files"]', '65536'),
    ("box: file size", COMMAND, 'limits["file_bytes"]', '1 << 40'),
    ("box: processor", COMMAND, 'limits["cpu_s"]', '3600'),
    ("box: memory of one", COMMAND, 'limits["memory_bytes"]', '1 << 40', USAGE,
     'self._memory() or ', ''),
    ("box: all memory", USAGE, 'self._memory() or ', ''),
    ("box: processes", COMMAND, 'limits["processes"] + others', '4096', USAGE,
     'if reason := self._processes():', "if reason := '':"),
    ("box: deleted files", USAGE, 'total, files = _deleted_but_open(), 0', 'total, files = 0, 0'),
    ("box: process 1 is not looked into", NAMESPACES, '    libc.prctl(libc.PR_SET_DUMPABLE, 0)\n',
     '', COMMAND, '        os.setresuid(uid, uid, uid)\n', ''),
    ("box: launcher's environment", "runs/tools/fork_server.py", '                env={},\n', ''),
    ("box: own processes", NAMESPACES, '    | libc.CLONE_NEWIPC\n', ''),
    ("delivery: published after the commit", "realtime/log/publish.py",
     'transaction.on_commit(partial(_publish, stream, entries))', '_publish(stream, entries)'),
    ("delivery: joined before it is read where to start", "realtime/sockets/base.py",
     '            for stream in sorted(followed - self.followers.keys()):\n                joined[stream] = self.followers[stream] = await self._join(stream)\n            starts = await self._starts(list(joined), since, epoch)\n',
     '            starts = await self._starts(sorted(followed), since, epoch)\n            for stream in sorted(followed - self.followers.keys()):\n                joined[stream] = self.followers[stream] = await self._join(stream)\n'),
)  # fmt: skip


def guards(project: Path) -> Iterator[Guard]:
    """Those of the shapes, file by file, then those by hand. One that is gone has no files."""
    for file in FUNCTIONS:
        if not (project / file).is_file():
            yield Guard(f"{file}: the file is gone", {}, ())
    for package in PACKAGES:
        for path in sorted((project / package).rglob("*.py")):
            if not {"tests", "migrations", "demo"} & {*path.parts}:
                yield from _of_file(project, str(path.relative_to(project)))
    for name, *items in BY_HAND:
        yield _by_hand(project, name, items)


def _of_file(project: Path, file: str) -> Iterator[Guard]:
    source = (project / file).read_text()
    functions = FUNCTIONS.get(file, "")
    seen: Counter[str] = Counter()
    for name in functions.split():
        own = name.partition("~")[0]
        if not any(f".{found.where}".endswith(f".{own}") for found in removals(source, name)):
            yield Guard(f"{file}: no guard is in {name} any more", {}, ())
    for removal in removals(source, functions):
        text = " ".join(removal.text.split())
        name = f"{file} {removal.where}, {removal.shape}: {text[:60]}"
        seen[name] += 1
        number = f" ({seen[name]})" if seen[name] > 1 else ""
        yield Guard(name + number, {file: removal.source}, _tests(project, file), removal.lines)


def _by_hand(project: Path, name: str, items: list[str]) -> Guard:
    files: dict[str, str] = {}
    lines = range(0)
    while items:
        if items[0].endswith((".py", "/askpass")):
            file = items.pop(0)
        text, without, *items = items
        if not (project / file).is_file():
            return Guard(f"{name}: {file} is gone", {}, ())
        source = files.get(file) or (project / file).read_text()
        if (times := source.count(text)) != 1:
            return Guard(f"{name}: stands {times} times in {file}, not once: {text!r}", {}, ())
        if not files:
            first = source.count("\n", 0, source.index(text.lstrip())) + 1
            lines = range(first, first + text.strip().count("\n") + 1)
        files[file] = source.replace(text, without)
    return Guard(name, files, _tests(project, next(iter(files))), lines)


def _tests(project: Path, file: str) -> tuple[str, ...]:
    patterns = TESTS[max((start for start in TESTS if file.startswith(start)), key=len)].split()
    found = (path for pattern in patterns for path in sorted(project.glob(pattern)))
    return tuple(str(path.relative_to(project)) for path in found)
