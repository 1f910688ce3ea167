"""Which addresses a clone may connect to."""

import socket

import pytest

from runs.tools.public_address import NotPublic, is_public, resolve


@pytest.mark.parametrize(
    "address", ["140.82.121.4", "1.1.1.1", "2606:50c0:8000::154", "::ffff:1.1.1.1"]
)
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *(
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1"),
        *("2001:db8::1", "ff0e::1"),
    ],
)
def test_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f.1", "2130706433", "017700000001"])
def test_names_of_this_machine_are_refused(host):
    with pytest.raises(NotPublic, match="private address"):
        resolve(host, 443)


def test_a_host_that_may_be_private():
    assert "127.0.0.1" in resolve("localhost", 443, private_hosts=["localhost"])


def answers(monkeypatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)


def test_one_private_address_is_enough(monkeypatch):
    answers(monkeypatch, "1.1.1.1", "10.0.0.1")
    with pytest.raises(NotPublic):
        resolve("example.com", 443)
    answers(monkeypatch, "1.1.1.1", "1.0.0.1", "1.1.1.1")
    assert resolve("example.com", 443) == ["1.1.1.1", "1.0.0.1"]


def test_a_host_that_is_not_found():
    with pytest.raises(NotPublic, match=r"nowhere\.invalid was not found"):
        resolve("nowhere.invalid", 443)
