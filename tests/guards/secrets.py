"""What secrets a tool gets, and what is told of them."""

from tests.guards.guard import guard

CLONE, SECRET = "runs/tools/git_clone.py", "crews/models/secret.py"
CREDENTIALS, REDACTION = "runs/credentials.py", "runs/redaction.py"
STREAM = "runs/stream_redaction.py"
CREDENTIAL_TESTS = "runs/tests/tools/test_git_credential.py"
TOLD = "runs/tests/test_redaction.py"
EMITTED = "runs/tests/test_emitter.py::test_everything_is_redacted"

SECRETS = (
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
        *(STREAM, "return self._release(end)", "return self._release(len(self._held))"),
        f"{TOLD}::test_a_secret_split_anywhere_is_seen_whole[password=canary]",
    ),
    guard(
        "redaction: a secret over a pause",
        *(STREAM, "return self._release(self._value_from())", "return self.finish()"),
        f"{TOLD}::test_a_secret_split_over_a_pause[https://u:can-ary@host]",
    ),
    guard(
        "redaction: a name that was released before its value",
        *(STREAM, "whole = self._context + text", "whole = text"),
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
    guard(
        "secret: one that is gone",
        *(CREDENTIALS, "    if secret is None:\n", "    if False:\n"),
        "runs/tests/test_credentials.py::TestRunning::test_a_secret_that_is_gone_fails_the_run_and_says_what_to_do",
    ),
    guard(
        "secret: checked when a step is saved",
        *(CREDENTIALS, "    if faults:\n        raise ValidationError(faults)", "    pass"),
        "runs/tests/test_credentials.py::TestSaving::test_a_foreign_one_is_refused_like_a_missing_one",
    ),
    guard(
        "secret: no answer holds its value",
        *("crews/api/secrets.py", "        write_only=True,\n", ""),
        "crews/tests/test_secrets_api.py::test_an_admin_makes_lists_replaces_and_deletes_one",
    ),
    guard(
        "secret: another host needs the value anew",
        *("crews/api/secrets.py", 'ReplacedSecretSerializer if self.request.method == "PUT" else', ""),
        "crews/tests/test_secrets_api.py::test_another_host_needs_the_value_anew",
    ),
    guard(
        "secret: hosts",
        SECRET,
        'if not HOST.fullmatch(host) or int(host.partition(":")[2] or 443) > 65535:',
        "if False:",
        "crews/tests/test_secrets.py::test_what_is_no_host[*]",
    ),
    guard(
        "secret: user names",
        *(SECRET, "if not USERNAME.fullmatch(username):", "if False:"),
        "crews/tests/test_secrets.py::test_user_names[a:b-False]",
    ),
    guard(
        "secret: length",
        *(SECRET, "        or len(value.encode()) > MAX_VALUE_BYTES\n", ""),
        "crews/tests/test_secrets.py::test_what_is_no_value",
    ),
    guard(
        "secret: stored encrypted",
        "crews/sealing.py",
        "_keys().encrypt(json.dumps([bound_to, value]).encode()).decode()",
        "json.dumps([bound_to, value])",
        "crews/tests/test_secrets.py::test_the_database_holds_no_value",
    ),
    guard(
        "secret: read once",
        *("runs/tools/launch.py", 'text = "".join(f"{line}\\n" for line in lines)', 'text = "".join(f"{line}\\n" for line in lines * 2)'),
        f"{CREDENTIAL_TESTS}::test_a_secret_is_read_once[limits]",
    ),
    guard(
        "redaction: what follows a secret at once",
        *(STREAM, "        if self._inside:\n", "        if False:\n"),
        f"{TOLD}::test_a_secret_longer_than_what_is_held_back",
    ),
    guard(
        "redaction: names of secrets",
        *(REDACTION, "if value and _is_secret(key, value) and not isinstance(value, Mapping)", "if False"),
        f"{TOLD}::test_params",
    ),
    guard(
        "redaction: secrets of the parameters, wherever they come again",
        *(REDACTION, "found |= {secret, unquote(secret)} - {\"git\"}", "pass"),
        f"{TOLD}::test_secrets_in_params",
    ),
    guard(
        "redaction: messages of a tool",
        *("runs/emitter.py", "self._message = redact(message, self._redactor.secrets)", "self._message = message"),
        EMITTED,
    ),
    guard(
        "redaction: output of a tool",
        *("runs/emitter.py", "self._output += self._redactor.feed(output)", "self._output += output"),
        EMITTED,
    ),
    guard(
        "redaction: how a tool ended",
        *("runs/emitter.py", "replace(outcome, message=redact(outcome.message, self._redactor.secrets))", "outcome"),
        EMITTED,
    ),
    guard(
        "redaction: steps on the crew page",
        *("realtime/crew_page.py", "shown = redact_params(params, secrets_in(params))", "shown = params"),
        "realtime/tests/pages/test_crew_page.py::TestCrewPage::test_shows_no_secret_of_a_step",
    ),
    guard(
        "redaction: steps of the API",
        *("runs/api/steps.py", "return redact_params(steps, forms(secrets_in(steps)))", "return steps"),
        "crews/tests/test_api.py::test_steps_are_shown_without_their_secrets",
    ),
)  # fmt: skip
