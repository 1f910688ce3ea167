"""A browser may keep a static file only under the version that the file is of."""

import os
import re
import time
from contextlib import closing

import pytest
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import RequestFactory

from crewops import static_files
from crewops.static_files import CACHED, StaticFilesMiddleware

DAY_S = 86_400


@pytest.fixture
def collected(settings, tmp_path):
    """A process whose static files were collected a day before it started."""
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    settings.STATIC_ROOT = tmp_path
    for name, text in (("app/one.js", 'import "./two.js";'), ("app/two.js", "export {};")):
        write(tmp_path / name, text)
        os.utime(tmp_path / name, (time.time() - DAY_S,) * 2)
    return tmp_path


def write(path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def get(middleware: StaticFilesMiddleware, address: str) -> HttpResponse:
    return middleware(RequestFactory().get(address))


def started() -> StaticFilesMiddleware:
    return StaticFilesMiddleware(lambda request: HttpResponse(request.path_info, status=404))


def test_the_address_of_a_file_contains_the_version_and_is_cached(collected):
    address = static("app/one.js")
    assert re.fullmatch(r"/static/v-[0-9a-f]{16}/app/one\.js", address)
    with closing(get(started(), address)) as response:
        assert response["Cache-Control"] == CACHED
        assert b"".join(response) == b'import "./two.js";'


def test_the_version_depends_on_the_contents_only(collected, tmp_path_factory, settings):
    first = static_files.version()
    settings.STATIC_ROOT = tmp_path_factory.mktemp("copy")  # another machine, at another time
    write(settings.STATIC_ROOT / "app/two.js", "export {};")
    write(settings.STATIC_ROOT / "app/one.js", 'import "./two.js";')
    write(settings.STATIC_ROOT / "app/one.js.br", "compressed by another version of brotli")
    assert static_files.version() == first
    settings.STATIC_ROOT = tmp_path_factory.mktemp("other")
    write(settings.STATIC_ROOT / "app/one.js", 'import "./two.js";')
    write(settings.STATIC_ROOT / "app/two.js", "export { };")
    assert static_files.version() != first


def test_a_file_collected_while_the_process_runs_is_not_cached(collected):
    middleware = started()
    later = time.time() + 1
    os.utime(collected / "app/one.js", (later, later))
    for name, kept in (("app/one.js", "max-age=0, public"), ("app/two.js", CACHED)):
        with closing(get(middleware, static(name))) as response:
            assert response["Cache-Control"] == kept


@pytest.mark.parametrize(
    "prefix", ["/static/", "/static/v-0123456789abcdef/"], ids=["none", "other"]
)
def test_an_address_without_the_version_is_checked_before_each_use(collected, prefix):
    with closing(get(started(), f"{prefix}app/one.js")) as response:
        assert response.status_code == 200
        assert response["Cache-Control"] == "max-age=0, public"


@pytest.mark.parametrize(
    "name", ["app/none.js", "../secret", "app/../../secret", "%2e%2e/secret", ""], ids=str
)
def test_what_is_no_static_file_is_not_served(collected, name):
    (collected.parent / "secret").write_text("x")
    response = get(started(), static("app/one.js").replace("app/one.js", name))
    assert response.status_code == 404
    assert "Cache-Control" not in response


def test_an_edited_file_has_another_address_while_developing(settings, tmp_path, monkeypatch):
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    path = tmp_path / "one.js"
    monkeypatch.setattr(static_files, "_sources", lambda: [path])
    monkeypatch.setattr(static_files, "LOOK_S", 1e-9)
    path.write_text("1")
    first = static("one.js")
    assert static("one.js") == first
    path.write_text("12")
    assert static("one.js") != first
