"""Where the dashboard listens, and who is asked: the whole matrix."""

import ipaddress
import itertools

import pytest

from flatbook.dashboard.security.binding import check_binding, is_loopback
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.users import Users
from flatbook.model.errors import InvalidValueError

EVERY = str(ipaddress.IPv4Address(0))
LOOPBACK = ["127.0.0.1", "127.9.9.9", "localhost", "::1", "::ffff:127.0.0.1"]
ELSEWHERE = [
    EVERY,
    "::",
    "",
    "192.168.1.5",
    "10.0.0.1",
    "desk.example",
    "localhost.example",
    "127.0.0.1.example",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "127.1",
    "0",
]
WITHOUT, TOKENS_ONLY, WITH = "nobody", "no password", "password"


@pytest.mark.parametrize("host", LOOPBACK)
def test_these_are_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_these_are_not(host):
    assert not is_loopback(host)


@pytest.fixture(scope="module")
def stores():
    made = {name: Users.in_memory(Passwords(cheap())) for name in (WITHOUT, TOKENS_ONLY, WITH)}
    made[TOKENS_ONLY].add("robot", Role.TRADER, None, 1)
    made[WITH].add("adam", Role.ADMIN, Secret("amber trumpet 41"), 1)
    yield made
    for store in made.values():
        store.close()


@pytest.mark.parametrize(
    ("host", "tls", "proxy", "who"),
    list(itertools.product(["127.0.0.1", EVERY], [False, True], [False, True], [WITHOUT, TOKENS_ONLY, WITH])),
)
def test_it_listens_where_no_stranger_can_act_and_nowhere_else(stores, host, tls, proxy, who):
    allowed = {
        ("127.0.0.1", False, False, WITHOUT), ("127.0.0.1", False, False, TOKENS_ONLY), ("127.0.0.1", False, False, WITH),
        ("127.0.0.1", True, False, WITHOUT), ("127.0.0.1", True, False, TOKENS_ONLY), ("127.0.0.1", True, False, WITH),
        ("127.0.0.1", False, True, WITH), ("127.0.0.1", True, True, WITH),
        (EVERY, True, False, WITH), (EVERY, False, True, WITH), (EVERY, True, True, WITH),
    }  # fmt: skip
    settings = SecuritySettings(host=host, tls=tls, behind_proxy=proxy)
    if (host, tls, proxy, who) in allowed:
        check_binding(settings, stores[who])
    else:
        with pytest.raises(InvalidValueError, match="does not listen"):
            check_binding(settings, stores[who])


def test_the_refusal_says_what_to_do(stores):
    with pytest.raises(InvalidValueError, match=r"--behind-proxy.*flatbook users add"):
        check_binding(SecuritySettings(host=EVERY), stores[WITHOUT])
