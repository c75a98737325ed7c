"""What stands at the door, as anybody may write it: hosts, origins, cookies, tokens, tickets, passwords, files of secrets. Nobody is let in, and
nothing breaks."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flatbook.dashboard.security.bodies import one_line
from flatbook.dashboard.security.origin import origins_of
from flatbook.dashboard.security.secrets import read_secret
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.model.errors import FlatbookError
from tests.dashboard.security.doors import PASSWORDS

OURS = origins_of(SecuritySettings(host_names=("desk.example",)))
NAMES = ("127.0.0.1", "localhost", "::1", "desk.example")
HOSTLIKE = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from([*NAMES, "[", "]", ":", "@", "#", "/", "\\", ".", "80", "http://", "https://", "evil.example", "%", " ", "\t", "\x00", "१"]),
        max_size=6,
    ).map("".join),
)  # fmt: skip
BYTES = st.binary(max_size=60).filter(lambda raw: b"\r" not in raw and b"\n" not in raw and b"\0" not in raw)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(HOSTLIKE, max_size=3))
def test_a_host_is_ours_or_is_not(hosts):
    """Only a name of ours, with a port or without, and one of them."""
    if OURS.host_is_ours(hosts):
        (host,) = hosts
        bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        assert bare.lower() in NAMES


@given(st.lists(HOSTLIKE, max_size=2), st.lists(HOSTLIKE | st.sampled_from(NAMES), max_size=2))
def test_an_origin_is_ours_or_is_not(origins, hosts):
    """Only the very host that was asked, by the scheme that we speak."""
    if origins and OURS.origin_is_ours(origins, hosts):
        assert len(origins) == len(hosts) == 1
        assert origins[0].startswith("http://")
        assert OURS.host_is_ours([origins[0].removeprefix("http://")])


@QUIET
@given(
    BYTES,
    st.sampled_from(["authorization", "cookie", "host", "origin", "sec-fetch-site", "content-type"]),
    st.booleans(),
)
def test_no_header_lets_anybody_in(shared, raw, name, dressed):
    """Or breaks the server."""
    before = {"authorization": b"Bearer ", "cookie": b"flatbook="}.get(name, b"") if dressed else b""
    answer = shared.client().get("/api/v1/session/sessions", headers={name: before + raw})

    assert answer.status_code in (400, 401, 403, 421)


@QUIET
@given(st.text(max_size=40), st.text(max_size=80))
def test_no_name_and_password_break_the_login(house, name, password):
    """None of these is one of ours."""
    house.clock.pass_s(3600)
    answer = house.client().post(
        "/api/v1/session/login",
        content=_json({"name": name, "password": password}),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code in (401, 422)
    assert password not in PASSWORDS.values()


@QUIET
@given(st.text(max_size=80))
def test_no_word_is_a_token_or_a_ticket_or_a_session(shared, word):
    """That was never given."""
    security = shared.security
    assert security.tokens.find(word, "127.0.0.1") is None
    assert security.tokens.find(f"fbk_{word}", "127.0.0.1") is None
    assert security.tickets.use(word) is None
    assert security.sessions.find(word, "127.0.0.1") is None


@QUIET
@given(st.binary(max_size=200) | st.just(b"x" * 70_000))
def test_a_file_of_a_secret_holds_one_or_is_refused(tmp_path, raw):
    """And the refusal does not repeat it."""
    file = tmp_path / "secret"
    file.write_bytes(raw)
    file.chmod(0o600)
    try:
        told = read_secret(file).reveal()
    except FlatbookError as e:
        told, refused = "", str(e)
    else:
        refused = ""
    text = raw.decode("utf-8", "replace")
    assert told == ("" if refused else text.rstrip("\r\n"))
    assert bool(told) != bool(refused)
    assert len(text) < 8 or text not in refused


@given(st.text())
def test_a_line_is_one_line_or_refused(text):
    """Of plain text, with nothing around it."""
    try:
        line = one_line(text)
    except ValueError:
        return
    assert line == text.strip()
    assert line
    assert len(line.splitlines()) == 1


def _json(told):
    return json.dumps(told).encode()


@pytest.mark.parametrize("path", ["", "nothing", "."])
def test_a_secret_that_is_no_file_is_refused(tmp_path, path):
    """As an error of ours."""
    with pytest.raises(FlatbookError):
        read_secret(tmp_path / path)
