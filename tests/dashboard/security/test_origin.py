"""Foreign pages, foreign names, forged requests: none of them is heard."""

import pytest
from starlette.websockets import WebSocketDisconnect

from flatbook.dashboard.security.gate import check_declared
from flatbook.dashboard.security.origin import origins_of
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.model.errors import InvalidValueError
from tests.dashboard.security.doors import HOST, SOCKETS, WHY, House

BAD_ORIGINS = [
    "http://evil.example",
    "https://evil.example",
    "null",
    "",
    "http://127.0.0.1.evil.example",
    "http://evil-127.0.0.1",
    "http://localhost.evil.example",
    "http://127.0.0.1:9999",
    "http://127.0.0.1:80.evil.example",
    "https://127.0.0.1",
    "http://127.0.0.1@evil.example",
    "http://evil.example#127.0.0.1",
    "http://evil.example/127.0.0.1",
    "http://evil.example\\@127.0.0.1",
    "http://127.0.0.1/",
    "http://127.0.0.1 ",
    "http://127.0.0.1 http://127.0.0.1",
    "//127.0.0.1",
    "127.0.0.1",
    "file://",
    "ws://127.0.0.1",
    "http://localhost",
    "http://[::1]",
    "http://2130706433",
    "http://0x7f.1",
]
BAD_HOSTS = [
    "evil.example",
    "rebind.evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "127.1",
    "0.0.0.0",  # noqa: S104 - what is refused
    "169.254.169.254",
    "[::ffff:1.2.3.4]",
    "127.0.0.1:80:80",
    "127.0.0.1, evil.example",
    "",
    "[::1",
    "*",
]
KILL = {"scope": "desk", "why": WHY}


def _socket_opens(visitor, ticket, **headers):
    try:
        with visitor.client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}", headers=headers):
            return True
    except WebSocketDisconnect:
        return False


def _ticket(visitor):
    return visitor.post("/api/v1/session/ticket").json()["ticket"]


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_a_foreign_origin_opens_no_stream_and_changes_nothing(shared, toni, origin):
    ticket = _ticket(toni)

    assert not _socket_opens(toni, ticket, Origin=origin)
    answer = toni.post("/api/v1/actions/kill/arm", KILL, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]) == (403, "foreign_origin")
    login = shared.client().post(
        "/api/v1/session/login", json={"name": "toni", "password": "x"}, headers={"Origin": origin}
    )
    assert login.status_code == 403
    assert shared.desk.facts == []


def test_a_page_of_ours_is_heard(house):
    toni = house.enter("toni")

    assert _socket_opens(toni, _ticket(toni), Origin=HOST)
    assert toni.post("/api/v1/actions/kill/arm", KILL, headers={"Origin": HOST}).status_code == 200
    assert _socket_opens(toni, _ticket(toni))  # no browser: nobody can be made to ask


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_name_that_is_not_ours_is_not_answered(shared, toni, host):
    """DNS rebinding: the browser believes that it talks to evil.example."""

    for origin in ({}, {"Origin": f"http://{host}"}):
        answer = toni.get("/api/v1/session/me", headers={"Host": host, **origin})
        assert (answer.status_code, answer.json()["error"]) == (421, "foreign_host")
        assert not _socket_opens(toni, _ticket(toni), Host=host, **origin)


def test_a_browser_that_says_cross_site_is_refused_even_where_it_reads(house):
    toni = house.enter("toni")

    assert toni.get("/api/v1/actions/requests", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert toni.get("/api/v1/actions/requests", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_every_unsafe_route_refuses_a_forged_form(house):
    """A foreign page makes the browser send the cookie; it can send a form, and it cannot know the token."""
    rosa, adam = house.enter("rosa"), house.enter("adam")
    unsafe = [
        route
        for route in check_declared(house.app, ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"))
        if route.split()[0] in {"POST", "DELETE"}
    ]
    assert len(unsafe) > 25
    for route in unsafe:
        method, path = route.split()
        for victim in (rosa, adam):
            plain = victim.client.request(method, path.replace("{name}", "vera"))
            form = victim.client.request(method, path, data={"why": "x", "scope": "desk"})
            text = victim.client.request(
                method, path, content='{"scope":"desk","why":"xxxx"}', headers={"Content-Type": "text/plain"}
            )
            wrong = victim.client.request(method, path, headers={"X-CSRF-Token": "x" * 43})
            twice = victim.client.request(
                method,
                path,
                headers=[("X-CSRF-Token", victim.headers["X-CSRF-Token"]), ("X-CSRF-Token", "x")],
            )
            assert form.status_code == text.status_code == 415
            if path != "/api/v1/session/login":
                assert {plain.status_code, wrong.status_code, twice.status_code} == {403}, route
    assert house.desk.facts == []
    assert len(house.users.all()) == 5


def test_the_token_of_another_session_is_none(house):
    toni, rosa = house.enter("toni"), house.enter("rosa")
    toni.headers = rosa.headers

    assert toni.post("/api/v1/actions/kill/arm", KILL).json()["error"] == "csrf"


def test_who_is_at_the_machine_needs_the_token_too():
    house = House(users=False)
    page = house.nobody()

    assert page.post("/api/v1/actions/kill/arm", KILL).json()["error"] == "csrf"
    page.headers = {"X-CSRF-Token": page.get("/api/v1/session/me").json()["csrf"]}
    assert page.post("/api/v1/actions/kill/arm", KILL).status_code == 200
    house.close()


def test_a_proxy_has_names_and_origins_of_its_own():
    settings = SecuritySettings(
        behind_proxy=True, origins=("https://desk.example:8443",), host_names=("Inner",)
    )
    ours = origins_of(settings)

    assert ours.origin_is_ours(["https://desk.example:8443"], ["desk.example:8443"])
    assert ours.origin_is_ours(["https://desk.example:8443"], ["inner"])
    assert ours.origin_is_ours(["https://inner"], ["inner:443"])
    assert not ours.origin_is_ours(["http://inner"], ["inner"])
    assert not ours.origin_is_ours(["https://desk.example"], ["desk.example:8443"])
    assert not ours.origin_is_ours(["https://inner", "https://inner"], ["inner"])
    assert not ours.host_is_ours(["inner", "inner"])


@pytest.mark.parametrize(
    "origin", ["desk.example", "https://desk.example/", "https://", "ws://desk", "https://a/b"]
)
def test_an_origin_that_no_browser_sends_is_no_setting(origin):
    with pytest.raises(InvalidValueError):
        origins_of(SecuritySettings(origins=(origin,)))


def test_every_answer_tells_the_browser_what_to_refuse(house):
    for path in ("/api/v1/session/me", "/api/v1/users", "/nowhere"):
        answer = house.client().get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in answer.headers
    assert house.client().get("/api/v1/session/me").headers["cache-control"] == "no-store"


def test_over_tls_the_cookie_and_the_answers_are_bound_to_it():
    house = House(SecuritySettings(tls=True))
    client = house.client("https://127.0.0.1")
    answer = client.post(
        "/api/v1/session/login", json={"name": "toni", "password": "tango harbour 29 canary-toni"}
    )

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-flatbook=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"]
    house.close()
