"""Which repositories git reaches, what secrets it gets, and what is told of them."""

from tests.guards.guard import Edit, guard

ADDRESS, CLONE = "runs/tools/git_address.py", "runs/tools/git_clone.py"
CREDENTIALS, REDACTION = "runs/credentials.py", "runs/redaction.py"
REFUSED = "runs/tests/tools/test_git_address.py::test_refused"
GIT_HTTP = "runs/tests/tools/test_git_http.py"
CONFIGURED = (
    "runs/tests/tools/test_git_hostile.py::test_nothing_that_a_user_has_configured_is_executed"
)
CREDENTIAL_TESTS = "runs/tests/tools/test_git_credential.py"
TOLD = "runs/tests/test_redaction.py"
HOSTS = (
    'if host not in settings.TOOLS_GIT_ALLOWED_HOSTS and "*" not in '
    "settings.TOOLS_GIT_ALLOWED_HOSTS:"
)

SECRETS = (
    guard(
        "git: --",
        *(CLONE, '"--", address.url', "address.url"),
        "runs/tests/tools/test_git_clone.py::test_an_option_as_address_is_not_executed",
    ),
    guard(
        "git: scheme",
        *(ADDRESS, "if parts.scheme not in schemes or not text", "if not text"),
        f"{REFUSED}[http://example.com/a]",
    ),
    guard(
        "git: host",
        *(ADDRESS, HOSTS, "if False:"),
        f"{REFUSED}[https://other.example/a]",
    ),
    guard(
        "git: the host is a name",
        *(ADDRESS, "if not HOST.fullmatch(host) or port == 0:", "if port == 0:"),
        "runs/tests/tools/test_git_address.py::test_any_host_and_plain_http_by_setting",
    ),
    guard(
        "git: characters",
        *(ADDRESS, "if not URL_CHARACTERS.fullmatch(text):", "if False:"),
        f"{REFUSED}[https://example.com/a b]",
    ),
    guard(
        "git: no password in an address",
        *(ADDRESS, 'if "@" in parts.netloc:', "if False:"),
        f"{REFUSED}[https://user:pass@example.com/a]",
    ),
    guard(
        "git: local root",
        ADDRESS,
        "if not (resolved := path.resolve()).is_relative_to(root) or resolved == root:",
        "if not (resolved := path.resolve()):",
        "runs/tests/tools/test_git_address.py::test_local_repositories_only_below_the_root",
    ),
    guard(
        "git: a branch is no option",
        *(ADDRESS, 'name.startswith("-")\n        or name', "name"),
        "runs/tests/tools/test_git_address.py::test_branches_refused[--upload-pack=x]",
    ),
    guard(
        "git: private addresses",
        "runs/tools/public_address.py",
        "if host not in private_hosts and not all(is_public(address) for address in addresses):",
        "if False:",
        "runs/tests/tools/test_public_address.py::test_one_private_address_is_enough",
    ),
    guard(
        "git: private addresses behind a translator",
        "runs/tools/public_address.py",
        "if any(address in network for network in TRANSLATED):",
        "if False:",
        "runs/tests/tools/test_public_address.py::test_not_public[64:ff9b::7f00:1]",
        # The standard library keeps changing its mind about these ranges.
        behind=(Edit("runs/tools/public_address.py", " and not address.is_reserved", ""),),
    ),
    guard(
        "git: connects to the address that was checked",
        *(CLONE, "    if addresses:\n", "    if False:\n"),
        f"{GIT_HTTP}::test_connects_to_the_address_that_was_checked",
    ),
    guard(
        "git: redirects",
        *(CLONE, '    "http.followRedirects": "false",\n', ""),
        f"{GIT_HTTP}::test_a_redirect_is_not_followed",
    ),
    guard(
        "git: hooks",
        CLONE,
        '    "core.hooksPath": "/dev/null",\n',
        "",
        f"{CONFIGURED}[hooks]",
    ),
    guard(
        "git: filters",
        *(CLONE, '    "filter.lfs.process": "",\n', ""),
        f"{CONFIGURED}[process filter]",
    ),
    guard(
        "git: the other kind of filter",
        *(CLONE, '    "filter.lfs.smudge": "",\n', ""),
        f"{CONFIGURED}[smudge filter]",
        # Of the two kinds git looks for this one first, and an empty one will do.
        behind=(Edit(CLONE, '    "filter.lfs.process": "",\n', ""),),
    ),
    guard(
        "git: protocols",
        *(CLONE, '    "protocol.allow": "never",\n', ""),
        f"{CONFIGURED}[another protocol]",
        behind=(Edit(CLONE, ' | {"GIT_ALLOW_PROTOCOL": address.scheme}', ""),),
    ),
    guard(
        "git: no configuration but ours",
        *(CLONE, '    "GIT_CONFIG_GLOBAL": "/dev/null",\n', ""),
        f"{CREDENTIAL_TESTS}::TestAnEarlierStep::test_cannot_turn_the_clone",
    ),
    guard(
        "git: no helper for credentials",
        *(CLONE, '    "credential.helper": "",\n', ""),
        f"{CREDENTIAL_TESTS}::TestAnEarlierStep::test_cannot_turn_the_clone",
        behind=(Edit(CLONE, '    "GIT_CONFIG_GLOBAL": "/dev/null",\n', ""),),
    ),
    guard(
        "git: symbolic links",
        *(CLONE, '    "core.symlinks": "false",\n', ""),
        "runs/tests/tools/test_git_hostile.py::test_a_hostile_repository[limits]",
    ),
    guard(
        "secret: the organization's own",
        *(CREDENTIALS, "organization=organization_id, name=params[name]", "name=params[name]"),
        "runs/tests/test_credentials.py::TestSaving::test_a_foreign_one_is_refused_like_a_missing_one",
    ),
    guard(
        "secret: host",
        *(CREDENTIALS, "if (destination := tool.destination(params)) != secret.host:", "if False:"),
        "runs/tests/test_credentials.py::TestSaving::test_one_for_another_host_is_refused",
    ),
    guard(
        "secret: sealed for its host",
        *("crews/sealing.py", "if found_bound_to != bound_to:", "if False:"),
        "crews/tests/test_secrets.py::test_a_value_that_was_moved_in_the_database_does_not_open[host]",
    ),
    guard(
        "secret: answers for its host alone",
        "runs/tools/askpass",
        "\"Password for 'https://\"*\"@$CREWOPS_SECRETS_HOST': \") ;;",
        "\"Password for \"*) ;;",
        f"{CREDENTIAL_TESTS}::test_which_questions_are_answered",
    ),
    guard(
        "secret: in the sandbox alone",
        *("runs/tools/process.py", "if secrets and tier.secrets_refusal:", "if False:"),
        f"{CREDENTIAL_TESTS}::"
        "test_without_a_sandbox_secrets_are_for_those_who_allow_it",
    ),
    guard(
        "secret: over https alone",
        CLONE,
        'if "credential" in params and parse(params["url"]).scheme != "https":',
        "if False:",
        f"{CREDENTIAL_TESTS}::test_a_secret_goes_over_https_only",
    ),
    guard(
        "redaction: known secrets",
        *(REDACTION, "text = text.replace(secret, REDACTED)", "pass"),
        f"{TOLD}::test_known_secrets_in_each_of_their_forms",
    ),
    guard(
        "redaction: what looks like a secret",
        *(REDACTION, "text = pattern.regex.sub(pattern.replacement, text)", "pass"),
        f"{TOLD}::test_secrets_are_taken_out",
    ),
    guard(
        "redaction: a secret in two pieces",
        *(REDACTION, "return self._release(end)", "return self._release(len(self._held))"),
        f"{TOLD}::test_a_secret_split_anywhere_is_seen_whole[password=canary]",
    ),
    guard(
        "redaction: a secret over a pause",
        *(REDACTION, "return self._release(self._suspicious_from())", "return self.finish()"),
        f"{TOLD}::test_a_secret_split_over_a_pause[passw-ord=canary]",
    ),
    guard(
        "redaction: parameters",
        *("runs/emitter.py", "params=redact_params(params, self._redactor.secrets)", "params=params"),
        "runs/tests/test_emitter.py::test_everything_is_redacted",
    ),
    guard(
        "redaction: log lines",
        *("crewops/logs.py", '"message": redact(event.pop("event")),', '"message": event.pop("event"),'),
        "tests/test_logs.py::TestForm::test_a_secret_in_a_message_is_redacted",
    ),
)  # fmt: skip
