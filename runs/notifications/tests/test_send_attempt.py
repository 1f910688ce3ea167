"""One attempt: what a webhook gets, which addresses are never reached, and how long it may take."""

import json
import socket
import time
from pathlib import Path

import pytest
from django.conf import settings

from runs.models import Run
from runs.notifications import outbound, send_attempt, services, signing
from runs.notifications.delivery_thread import attempt, send_due
from runs.notifications.models import Delivery

pytestmark = pytest.mark.django_db


def queue(target, **event) -> Delivery:
    event = {"type": "test", "title": "A title", "text": "A text.", "url": "http://x/"} | event
    Delivery.objects.queue("test:1", event, [target])
    return Delivery.objects.select_related("target__organization").get(target=target)


def test_a_webhook_gets_the_event_signed(receiver, loopback, make_target, acme):
    target = make_target(f"{receiver.origin}/hook?token=0123456789")
    acme.start_run().finish("failed", reason="task_failed", message="Step 2 failed.")
    assert send_due() == 1
    (got,) = receiver.requests
    event = json.loads(got["body"])
    run = Run.objects.get()
    assert got["path"] == "/hook?token=0123456789"
    assert event["id"] == f"run.failed:{run.pk}"
    assert event["type"] == "run.failed"
    assert event["text"] == f"The run {str(run.pk)[:8]} of crew Acme crew failed. Step 2 failed."
    assert event["url"] == f"{settings.ALLOWED_ORIGINS[0]}/runs/{run.pk}/"
    assert event["run"]["reason"] == "task_failed"
    assert event["crew"]["name"] == "Acme crew"
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.note) == ("delivered", "")
    (tried,) = delivery.tries.all()
    assert (tried.number, tried.code, tried.reply, tried.error) == (1, 200, "ok", "")
    assert verify()(target.new_key, got["headers"], got["body"])


def verify():
    """The function that docs/notifications.md shows to the authors of receivers."""
    text = (settings.BASE_DIR / "docs/notifications.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    exec(code, names)
    return names["verify"]


@pytest.mark.parametrize("change", ["body", "key", "id", "old", "ahead"])
def test_the_documented_check_refuses_what_is_not_ours(change):
    key, body, now = signing.new_key(), b"{}", int(time.time())
    at = now - 400 if change == "old" else now + 400 if change == "ahead" else now
    headers = signing.headers(key, id="one", timestamp=at, body=body)
    if change == "id":
        headers["Webhook-Id"] = "two"
    given = signing.new_key() if change == "key" else key
    assert not verify()(given, headers, b"[]" if change == "body" else body)
    assert verify()(key, signing.headers(key, id="one", timestamp=now, body=body), body)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/",
        "file:///etc/hosts",
        "ftp://example.com/",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.0.0.8:8443/",
        "https://localhost/",
        "https://app.localhost/",
        "https://user:password@example.com/",
        "https://example.com:0/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Header: 1",
        "https://",
        "//example.com",
    ],
)
def test_an_address_that_leads_inside_is_refused_when_it_is_saved(address):
    with pytest.raises(services.InvalidAddress) as refused:
        services.check("webhook", address)
    assert "password" not in str(refused.value).replace("user name and password", "")


@pytest.mark.parametrize(
    ("service", "address"),
    [
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/hosts"),
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?TEMPLATE=/etc/hosts"),
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?:name=value"),
        ("slack", "file:///etc/hosts"),
        ("slack", "syslog://localhost"),
        ("ntfy", "json://example.com"),
        ("ntfy", "ntfys://127.0.0.1/topic"),
        ("ntfy", "ntfys://ntfy.sh/topic?attach=http://169.254.169.254/"),
        ("ntfy", "ntfys://ntfy.sh/topic?verify=no"),
        ("email", "mailtos://u:p@example.com?smtp=127.0.0.1&to=a@example.com"),
        ("mattermost", "mmosts://10.0.0.1/token"),
        ("discord", "discord://1/2/?template=/etc/hosts"),
        ("telegram", "tgram://123456789:abcdefg_hijklmnop/12315544/?template=/etc/hosts"),
        ("teams", "workflows://10.1.1.1/workflow/signature"),
    ],
)
def test_of_the_other_services_only_plain_addresses_are_accepted(service, address):
    with pytest.raises(services.InvalidAddress):
        services.check(service, address)


@pytest.mark.parametrize(
    ("service", "address", "shown"),
    [
        ("webhook", "https://example.com:8443/a?b=c", "https://example.com:8443/…"),
        ("slack", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://…"),
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "slack://…"),
        ("ntfy", "ntfys://ntfy.sh/topic?priority=high", "ntfys://ntfy.sh/…"),
        ("email", "mailtos://u:p@example.com?smtp=smtp.example.com&to=a@example.com", "mailtos://smtp.example.com/…"),
        ("discord", "https://discord.com/api/webhooks/1234567890/abcdefghijklmnopqrstuvwxyz", "discord://…"),
        ("telegram", "tgram://123456789:abcdefg_hijklmnop/12315544/", "tgram://…"),
        ("mattermost", "mmosts://chat.example.com/abcdefgh", "mmosts://chat.example.com/…"),
        ("gotify", "gotifys://gotify.example.com/abcdefgh", "gotifys://gotify.example.com/…"),
        ("pagerduty", "pagerduty://integration@apikey", "pagerduty://…"),
        (
            "teams",
            "https://prod-1.westeurope.logic.azure.com:443/workflows/abc123/triggers/manual/paths/"
            "invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abcdef",
            "workflows://prod-1.westeurope.logic.azure.com/…",
        ),
    ],
)  # fmt: skip
def test_each_service_takes_its_address_and_shows_no_secret(service, address, shown):
    assert services.check(service, address) == shown


def answering(monkeypatch, *answers: str) -> None:
    """Each time a name is resolved it has the next address, as the name of an attacker may."""
    left = list(answers)

    def getaddrinfo(host, port, *args, **kwargs):
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
@pytest.mark.parametrize(
    ("service", "written"),
    [
        ("webhook", "https://rebinding.example.com/"),
        ("ntfy", "ntfys://rebinding.example.com/topic"),
        ("email", "mailto://u:p@rebinding.example.com?to=a@example.com&smtp=rebinding.example.com"),
    ],
)
def test_a_name_that_resolves_to_a_private_address_is_not_reached(
    make_target, monkeypatch, service, written, address
):
    delivery = queue(make_target(written, service=service))
    answering(monkeypatch, address)
    reached = []
    monkeypatch.setattr(socket.socket, "sendall", lambda *args: reached.append(args))
    outcome = send_attempt.send(delivery)
    assert "private address" in outcome.error
    assert not reached


def test_a_name_that_changes_to_loopback_after_a_check_is_not_reached(
    receiver, make_target, monkeypatch, settings
):
    """The check is at the connection itself: what a name meant before does not count."""
    settings.NOTIFICATIONS_PRIVATE_HOSTS = ["inside.example.com"]
    port = receiver.origin.rpartition(":")[2]
    delivery = queue(make_target(f"http://inside.example.com:{port}/"))
    answering(monkeypatch, "10.0.0.1", "127.0.0.1")  # listed was 10.0.0.1
    outcome = send_attempt.send(delivery)
    assert "private address" in outcome.error
    assert not receiver.requests


def test_a_redirect_is_not_followed(receiver, loopback, make_target):
    receiver.status, receiver.headers = 302, {"Location": f"{receiver.origin}/elsewhere"}
    outcome = send_attempt.send(queue(make_target(f"{receiver.origin}/")))
    assert outcome.error == "The receiver answered 302 Found."
    assert len(receiver.requests) == 1


def test_a_proxy_of_the_environment_is_not_used(receiver, loopback, make_target, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    assert send_attempt.send(queue(make_target(f"{receiver.origin}/"))).error == ""


def test_a_receiver_that_answers_slowly_is_left_at_the_deadline(
    receiver, loopback, make_target, monkeypatch
):
    monkeypatch.setattr(send_attempt, "DEADLINE_S", 0.5)

    def drip(connection: socket.socket) -> None:
        try:
            for _ in range(600):
                connection.sendall(b"H")
                time.sleep(0.05)
        except OSError:
            pass

    receiver.instead = drip
    began = time.monotonic()
    outcome = send_attempt.send(queue(make_target(f"{receiver.origin}/")))
    assert outcome.error
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("status", "error"),
    [("200 OK", ""), ("503 Later", "The receiver answered 503 Later.")],
)
@pytest.mark.parametrize("ending", ["end", "silence"])
def test_the_status_of_an_answer_that_breaks_off_decides(
    receiver, loopback, make_target, monkeypatch, ending, status, error
):
    monkeypatch.setattr(send_attempt, "TIMEOUT_S", 0.5)

    def break_off(connection: socket.socket) -> None:
        answer = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"
        connection.sendall(answer.encode())
        if ending == "silence":
            connection.recv(1)  # until the other side ends the connection

    receiver.instead = break_off
    outcome = send_attempt.send(queue(make_target(f"{receiver.origin}/")))
    assert (outcome.error, outcome.code, outcome.reply) == (error, int(status[:3]), "")


def test_what_a_receiver_answers_is_stored_whatever_it_has(receiver, loopback, make_target):
    """PostgreSQL stores no NUL."""
    answer = b"HTTP/1.1 500 No\0way\r\nContent-Length: 3\r\n\r\na\0b"
    receiver.instead = lambda connection: connection.sendall(answer)
    attempt(queue(make_target(f"{receiver.origin}/")))
    delivery = Delivery.objects.get()
    assert delivery.note == "The receiver answered 500 No\ufffdway."
    assert delivery.tries.get().reply == "a\ufffdb"


def test_unix_sockets_and_datagrams_are_checked_too(settings):
    with outbound.limited("example.com", 5):
        with socket.socket(socket.AF_UNIX) as local, pytest.raises(outbound.PrivateAddress):
            local.connect("/run/anything.sock")
        with (
            socket.socket(type=socket.SOCK_DGRAM) as datagram,
            pytest.raises(outbound.PrivateAddress),
        ):
            datagram.sendto(b"x", ("127.0.0.1", 514))
    with socket.socket(type=socket.SOCK_DGRAM) as datagram:  # outside the block nothing changes
        datagram.sendto(b"x", ("127.0.0.1", 9))


def test_what_a_receiver_repeats_of_the_address_is_not_stored(receiver, loopback, make_target):
    receiver.status, receiver.body = 403, b"no such hook: T0123456789 with sesame-open"
    target = make_target(f"{receiver.origin}/T0123456789?key=sesame-open")
    attempt(queue(target))
    tried = Delivery.objects.get().tries.get()
    assert tried.reply == "no such hook: *** with ***"
    assert tried.error == "The receiver answered 403 Forbidden."


def test_a_connection_error_does_not_repeat_the_address(loopback, make_target):
    target = make_target("http://127.0.0.1:9/hooks/T0123456789")
    outcome = send_attempt.send(queue(target))
    assert "refused" in outcome.error
    assert "T0123456789" not in outcome.error


def test_a_chat_gets_title_text_and_link(receiver, loopback, make_target):
    port = receiver.origin.rpartition(":")[2]
    target = make_target(f"ntfy://localhost:{port}/my-topic", service="ntfy")
    outcome = send_attempt.send(queue(target, title="It failed", text="The run failed."))
    assert outcome.error == ""
    sent = json.loads(receiver.requests[0]["body"])
    assert sent["title"] == "It failed"
    assert "The run failed.\nhttp://x/" in sent["message"]


def test_the_reason_of_a_chat_is_noted_without_its_token(receiver, loopback, make_target):
    receiver.status = 403
    port = receiver.origin.rpartition(":")[2]
    address = f"mmost://localhost:{port}/token0123456789"
    outcome = send_attempt.send(queue(make_target(address, service="mattermost")))
    assert "403" in outcome.error
    assert "token0123456789" not in outcome.error + outcome.reply


def test_the_code_sends_nowhere_else():
    """Only `send_attempt` speaks to the network, so only it needs the guard."""
    for file in Path(settings.BASE_DIR / "runs/notifications").rglob("*.py"):
        if "tests" not in file.parts and file.name not in ("send_attempt.py",):
            assert "import requests" not in file.read_text(), file
