"""Whatever ends `manage.py watch run` in a terminal, the terminal is as it was before."""

import signal

import pytest

from realtime.tests.terminal.terminal_user import OF_WORKER, at_terminal
from runs.models import Control, Run
from tests.live import Web, eventually

pytestmark = pytest.mark.django_db(transaction=True)


ENDS = {
    "q": (lambda terminal, acme: terminal.types("q"), 0),
    "ctrl-c": (lambda terminal, acme: terminal.types("\x03"), 130),
    "terminated": (lambda terminal, acme: terminal.signals(signal.SIGTERM), 143),
    "hung up": (lambda terminal, acme: terminal.signals(signal.SIGHUP), 129),
    "ctrl-backslash": (lambda terminal, acme: terminal.types("\x1c"), 131),
    "access lost": (lambda terminal, acme: acme.operator.memberships.get().delete(), 1),
    "run over": (lambda terminal, acme: Run.objects.get().finish("succeeded"), 0),
}


@pytest.mark.parametrize(
    ("way", "asks"),
    [*((way, False) for way in ENDS), *((way, True) for way in ("ctrl-c", "terminated"))],
)
def test_the_terminal_is_restored_whatever_ends_the_command(acme, watch, way, asks):
    end, status = ENDS[way]
    terminal = watch(acme.start_run())
    terminal.sees(OF_WORKER)
    assert terminal.modes != terminal.modes_before
    if asks:
        terminal.types("c")
        terminal.sees("Cancel the run?")
    end(terminal, acme)
    assert terminal.end() == status
    assert terminal.modes == terminal.modes_before
    assert terminal.bytes.rfind(b"\x1b[?25h") > terminal.bytes.rfind(b"\x1b[?25l")
    assert OF_WORKER not in terminal.screen
    assert "Traceback" not in terminal.text
    assert not Control.objects.exists()


def test_ctrl_z_restores_the_terminal_and_the_keys_work_again_after_it(acme, watch):
    terminal = watch(acme.start_run())
    terminal.sees(OF_WORKER)
    terminal.types("\x1a")
    eventually(lambda: terminal.screen and terminal.is_stopped)
    assert terminal.modes == terminal.modes_before
    assert terminal.has_cursor
    terminal.signals(signal.SIGCONT)
    eventually(lambda: terminal.screen and terminal.modes != terminal.modes_before)
    eventually(lambda: terminal.screen and not terminal.has_cursor)
    terminal.types("q")
    assert terminal.end() == 0
    assert terminal.modes == terminal.modes_before


def test_what_a_server_that_is_gone_was_asked_is_not_said_to_be_received(acme):
    run = acme.start_run()
    web = Web()
    url = f"ws://127.0.0.1:{web.port}"
    with at_terminal("watch", "run", str(run.pk), "--user=acme-operator", f"--url={url}") as user:
        user.sees(OF_WORKER)
        web.stop(signal.SIGKILL)
        user.sees("Connection lost")
        user.types("p")
        user.sees("pause: No answer from http://127.0.0.1", "before you repeat it.", OF_WORKER)
        user.types("q")
        assert user.end() == 0
        assert user.modes == user.modes_before


def test_a_run_that_is_not_there_leaves_the_terminal_as_it_was(acme, web):
    command = ["watch", "run", "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c", "--user=acme-operator"]
    with at_terminal(*command, f"--url=ws://127.0.0.1:{web.port}") as user:
        assert user.end() == 1
        assert user.modes == user.modes_before
        assert "Closed with 4404" in user.screen


def test_with_json_no_key_is_taken(acme, web):
    run = acme.start_run()
    command = ["watch", "run", str(run.pk), "--user=acme-operator", "--json"]
    with at_terminal(*command, f"--url=ws://127.0.0.1:{web.port}") as user:
        user.sees('"type":"boot"')
        assert user.modes == user.modes_before
        user.types("cy\n")
        run.finish("succeeded")
        assert user.end() == 0
        assert "q quit" not in user.text
    assert not Control.objects.exists()


def test_a_dumb_terminal_draws_the_end_and_names_no_key(acme, web):
    run = acme.start_run()
    run.finish("succeeded")
    command = ["watch", "run", str(run.pk), "--user=acme-operator"]
    with at_terminal(*command, f"--url=ws://127.0.0.1:{web.port}", term="dumb") as user:
        assert user.end() == 0
        assert "succeeded in" in user.text
        assert "quit" not in user.text
