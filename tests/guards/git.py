"""Which repositories git reaches, and what it does there."""

from tests.guards.guard import Edit, guard

ADDRESS, CLONE = "runs/tools/git_address.py", "runs/tools/git_clone.py"
COMMAND = "runs/tools/git_command.py"
PUBLIC = "runs/tools/public_address.py"
REFUSED = "runs/tests/tools/test_git_address.py::test_refused"
BRANCHES = "runs/tests/tools/test_git_address.py::test_branches_refused"
NOT_PUBLIC = "runs/tests/tools/test_public_address.py::test_not_public"
GIT_HTTP = "runs/tests/tools/test_git_http.py"
CONFIGURED = (
    "runs/tests/tools/test_git_hostile.py::test_nothing_that_a_user_has_configured_is_executed"
)
CREDENTIAL_TESTS = "runs/tests/tools/test_git_credential.py"
HOSTS = (
    'if host not in settings.TOOLS_GIT_ALLOWED_HOSTS and "*" not in '
    "settings.TOOLS_GIT_ALLOWED_HOSTS:"
)

GIT = (
    guard(
        "git: --",
        *(COMMAND, '"--", address.url', "address.url"),
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
        f"{BRANCHES}[--upload-pack=x]",
    ),
    guard(
        "git: private addresses",
        PUBLIC,
        "if host not in private_hosts and not all(is_public(address) for address in addresses):",
        "if False:",
        "runs/tests/tools/test_public_address.py::test_one_private_address_is_enough",
    ),
    guard(
        "git: private addresses behind a translator",
        PUBLIC,
        "if any(address in network for network in TRANSLATED):",
        "if False:",
        f"{NOT_PUBLIC}[64:ff9b::7f00:1]",
        # The standard library keeps changing its mind about these ranges.
        behind=(Edit(PUBLIC, " and not address.is_reserved", ""),),
    ),
    guard(
        "git: connects to the address that was checked",
        *(COMMAND, "    if addresses:\n", "    if False:\n"),
        f"{GIT_HTTP}::test_connects_to_the_address_that_was_checked",
    ),
    guard(
        "git: redirects",
        *(COMMAND, '    "http.followRedirects": "false",\n', ""),
        f"{GIT_HTTP}::test_a_redirect_is_not_followed",
    ),
    guard(
        "git: hooks",
        COMMAND,
        '    "core.hooksPath": "/dev/null",\n',
        "",
        f"{CONFIGURED}[hooks]",
    ),
    guard(
        "git: filters",
        *(COMMAND, '    "filter.lfs.process": "",\n', ""),
        f"{CONFIGURED}[process filter]",
    ),
    guard(
        "git: the other kind of filter",
        *(COMMAND, '    "filter.lfs.smudge": "",\n', ""),
        f"{CONFIGURED}[smudge filter]",
        # Of the two kinds git looks for this one first, and an empty one will do.
        behind=(Edit(COMMAND, '    "filter.lfs.process": "",\n', ""),),
    ),
    guard(
        "git: protocols",
        *(COMMAND, '    "protocol.allow": "never",\n', ""),
        f"{CONFIGURED}[another protocol]",
        behind=(Edit(COMMAND, ' | {"GIT_ALLOW_PROTOCOL": address.scheme}', ""),),
    ),
    guard(
        "git: no configuration but ours",
        *(COMMAND, '    "GIT_CONFIG_GLOBAL": "/dev/null",\n', ""),
        f"{CREDENTIAL_TESTS}::TestAnEarlierStep::test_cannot_turn_the_clone",
    ),
    guard(
        "git: no helper for credentials",
        *(COMMAND, '    "credential.helper": "",\n', ""),
        f"{CREDENTIAL_TESTS}::TestAnEarlierStep::test_cannot_turn_the_clone",
        behind=(Edit(COMMAND, '    "GIT_CONFIG_GLOBAL": "/dev/null",\n', ""),),
    ),
    guard(
        "git: symbolic links",
        *(COMMAND, '    "core.symlinks": "false",\n', ""),
        "runs/tests/tools/test_git_hostile.py::test_a_hostile_repository[limits]",
    ),
    guard(
        "git: addresses of groups",
        *(PUBLIC, " and not address.is_multicast", ""),
        f"{NOT_PUBLIC}[224.0.0.1]",
    ),
    guard(
        "git: addresses of this network",
        *(PUBLIC, "return address.is_global and not", "return not"),
        f"{NOT_PUBLIC}[10.0.0.1]",
    ),
    guard(
        "git: addresses within addresses",
        *(PUBLIC, "if address.ipv4_mapped:", "if False:"),
        "runs/tests/tools/test_public_address.py::test_public[::ffff:1.1.1.1]",
    ),
    guard(
        "git: length",
        *(ADDRESS, "if len(text) > MAX_URL_CHARS:", "if False:"),
        f"{REFUSED}[text37]",
    ),
    guard(
        "git: an address of a repository alone",
        *(ADDRESS, 'if parts.query or parts.fragment or not parts.path.strip("/"):', "if False:"),
        f"{REFUSED}[https://example.com/a?x=1]",
    ),
    guard(
        "git: no repository on this machine without a root",
        *(ADDRESS, "    if not root:\n", "    if False:\n"),
        "runs/tests/tools/test_git_address.py::test_local_repositories_only_below_the_root",
    ),
    guard(
        "git: characters of a path",
        *(ADDRESS, "if not PATH_CHARACTERS.fullmatch(str(path)) or not path.is_absolute():", "if False:"),
        "runs/tests/tools/test_git_address.py::test_local_repositories_only_below_the_root",
    ),
    *(
        guard(f"git: a branch, {name}", ADDRESS, text, "", f"{BRANCHES}[{branch}]")
        for name, text, branch in (
            ("characters", "        or not REF_CHARACTERS.fullmatch(name)\n", "a b"),
            ("ranges", '        or ".." in name\n', "a..b"),
            ("reflogs", '        or "@{" in name\n', "a@{1}"),
            ("length", "        or len(name.encode(errors=\"replace\")) > MAX_REF_BYTES\n", "name24"),
        )
    ),
    guard(
        "git: clones into the workspace alone",
        *(CLONE, "if not target.resolve().is_relative_to(workspace.resolve()):", "if False:"),
        "runs/tests/tools/test_git_clone.py::test_does_not_clone_through_a_symbolic_link[limits]",
    ),
    guard(
        "git: clones into what is not there yet",
        *(CLONE, "if target.is_symlink() or target.exists():", "if False:"),
        "runs/tests/tools/test_git_clone.py::test_a_second_clone_needs_another_directory",
    ),
)  # fmt: skip
