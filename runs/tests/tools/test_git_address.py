"""Which addresses and branches reach git."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import tools
from runs.tools.git_address import InvalidGitSource, check_branch, parse


@pytest.fixture(autouse=True)
def _allowed(settings, tmp_path):
    settings.TOOLS_GIT_ALLOWED_SCHEMES = ["https"]
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["example.com", "127.0.0.1"]
    settings.TOOLS_GIT_LOCAL_ROOT = str(tmp_path / "allowed")
    (tmp_path / "allowed/repository").mkdir(parents=True)
    (tmp_path / "allowed/way-out").symlink_to(tmp_path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://EXAMPLE.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/a%20b", "https://example.com/a%20b"),
    ],
)
def test_allowed(text, url):
    assert parse(text).url == url


REFUSED = [
    "",
    "--upload-pack=touch /tmp/canary",
    "-u",
    "ext::sh -c touch% /tmp/canary",
    "fd::17",
    "file::/etc",
    "http://example.com/a",
    "ssh://-oProxyCommand=touch/a",
    "ssh://example.com/a",
    "git://example.com/a",
    "git@example.com:a.git",
    "example.com:a.git",
    "HTTPS://example.com/a",
    "https:/example.com/a",
    "https://example.com",
    "https://example.com/",
    "https://-oProxyCommand=x/a",
    "https://other.example/a",
    "https://example.com.evil.example/a",
    "https://user:pass@example.com/a",
    "https://token@example.com/a",
    "https://@example.com/a",
    "https://example.com@evil.example/a",
    "https://evil.example\\@example.com/a",
    "https://example.com\n/a",
    "https://example.com/a b",
    "https://example.com/a\0b",
    "https://example.com/a?x=1",
    "https://example.com/a#x",
    "https://example.com:99999/a",
    "https://example.com:0/a",
    "https://[::1]/a",
    "https://[::1/a",
    "https://2130706433/a",
    "https://0x7f.1/a",
    "https://localhost./a",
    "https://exämple.com/a",
    "https://example.com/" + "a" * 2000,
    "relative/path",
    "../relative",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(InvalidGitSource):
        parse(text)


def test_local_repositories_only_below_the_root(tmp_path, settings):
    inside = tmp_path / "allowed/repository"
    for text in (str(inside), f"file://{inside}"):
        assert parse(text).url == f"file://{inside}"
    for path in ("allowed", "elsewhere", "allowed/../elsewhere", "allowed/way-out/elsewhere"):
        with pytest.raises(InvalidGitSource, match="Only repositories below"):
            parse(f"{tmp_path}/{path}")
    for path in (f"{inside};touch canary", "file://allowed/repository"):
        with pytest.raises(InvalidGitSource, match="plain characters"):
            parse(path)
    settings.TOOLS_GIT_LOCAL_ROOT = ""
    with pytest.raises(InvalidGitSource, match="not allowed here"):
        parse(str(inside))


def test_without_a_scheme_none_is_allowed(settings):
    settings.TOOLS_GIT_ALLOWED_SCHEMES = []
    with pytest.raises(InvalidGitSource, match="Allowed: none"):
        parse("https://example.com/a/b.git")


def test_any_host_and_plain_http_by_setting(settings):
    settings.TOOLS_GIT_ALLOWED_SCHEMES = ["https", "http", "ext", "ssh"]
    settings.TOOLS_GIT_ALLOWED_HOSTS = ["*"]
    assert parse("http://anything.example/a").port == 80
    for text in ("ext::sh -c id", "ssh://anything.example/a", "http://-x/a"):
        with pytest.raises(InvalidGitSource):
            parse(text)


@pytest.mark.parametrize(
    "name", ["main", "release/2.0", "v1.0-rc1", "größe", "a@b", "a/origin/b", "head/x", "a" * 40]
)
def test_branches_allowed(name):
    assert check_branch(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("-x", "--upload-pack=x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b"),
        *("@", "a@{1}", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a."),
        *("", "a\nb", "a\x7f", "x" * 245),
    ],
)
def test_branches_refused(name):
    with pytest.raises(InvalidGitSource):
        check_branch(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refs/tags/v1.0.0", "Write the branch or tag alone: v1.0.0."),
        ("refs/heads/release/2.0", "Write the branch or tag alone: release/2.0."),
        ("origin/main", "Write the branch or tag alone: main."),
        ("refs/remotes/origin/main", "Write the branch or tag alone: main."),
        ("HEAD", "Leave the branch out to clone the default one, which HEAD names."),
        ("refs/pull/1/head", "no other ref is cloned"),
    ],
)
def test_what_is_no_branch_is_refused_with_the_right_form(name, words):
    with pytest.raises(InvalidGitSource, match=re.escape(words)):
        check_branch(name)


@given(st.text(alphabet="ab-./@{~^:?*[\\ \t\n\x7fé", max_size=8))
def test_every_branch_that_passes_is_one_to_git(name):
    try:
        check_branch(name)
    except InvalidGitSource:
        return
    command = ["git", "check-ref-format", "--branch", name]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_message_of_a_step_says_what_to_write():
    from django.core.exceptions import ValidationError

    steps = [{"tool": "git_clone", "params": {"url": "ssh://example.com/a", "branch": "-x"}}]
    with pytest.raises(ValidationError) as error:
        tools.validate_steps(steps)
    assert error.value.messages == [
        "Step 1 (git_clone): url: Write the address as https://host/path/repository.git. "
        "Allowed: https.",
        "Step 1 (git_clone): branch: Write the name of a branch or tag, such as main or release/2.0.",
    ]
