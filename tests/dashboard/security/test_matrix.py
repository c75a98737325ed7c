"""Every route and every verb of the stream, as every role and as nobody: what is allowed is written twice, here by hand."""

import re

import pytest
from starlette.websockets import WebSocketDisconnect

from flatbook.dashboard.app import create_app
from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.security.gate import check_declared
from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import PERMISSIONS, VERBS, Permission, Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.users import Users
from flatbook.dashboard.static_files import FALLBACK
from flatbook.live.publisher import Publisher
from tests.dashboard.security.doors import HOST, PASSWORDS, ROLES, SOCKETS, FakeDesk, TestClient

PUBLIC = (FALLBACK, "/api/v1/openapi.json")
NOBODY = "nobody"
V, T, R, A = "viewer", "trader", "risk_officer", "admin"
EVERYBODY, SIGNED_IN = {NOBODY, V, T, R, A}, {V, T, R, A}
DESK, RISK = {T, R}, {R}
EXPECTED = {
    "GET /api/v1/session": EVERYBODY,
    "GET /api/v1/session/me": EVERYBODY,
    "POST /api/v1/session/login": EVERYBODY,
    "POST /api/v1/session/logout": SIGNED_IN,
    "POST /api/v1/session/ticket": SIGNED_IN,
    "POST /api/v1/session/step-up": SIGNED_IN,
    "POST /api/v1/session/password": SIGNED_IN,
    "GET /api/v1/session/sessions": SIGNED_IN,
    "DELETE /api/v1/session/sessions/{session_id}": SIGNED_IN,
    "GET /api/v1/session/tokens": SIGNED_IN,
    "POST /api/v1/session/tokens": SIGNED_IN,
    "DELETE /api/v1/session/tokens/{token_id}": SIGNED_IN,
    "GET /api/v1/users": {A},
    "POST /api/v1/users": {A},
    "POST /api/v1/users/{name}/role": {A},
    "POST /api/v1/users/{name}/password": {A},
    "DELETE /api/v1/users/{name}": {A},
    "POST /api/v1/actions/kill/arm": DESK,
    "POST /api/v1/actions/kill/confirm": DESK,
    "POST /api/v1/actions/kill/preview": DESK,
    "POST /api/v1/actions/pull": DESK,
    "POST /api/v1/actions/pull/preview": DESK,
    "POST /api/v1/actions/release": RISK,
    "POST /api/v1/actions/release/preview": RISK,
    "POST /api/v1/actions/limit/change": RISK,
    "POST /api/v1/actions/limit/change/preview": RISK,
    "POST /api/v1/actions/limit/override": RISK,
    "POST /api/v1/actions/limit/override/preview": RISK,
    "POST /api/v1/actions/limit/override/end": RISK,
    "POST /api/v1/actions/limit/override/end/preview": RISK,
    "POST /api/v1/actions/hedge": DESK,
    "POST /api/v1/actions/hedge/preview": DESK,
    "POST /api/v1/actions/protection/reset": DESK,
    "POST /api/v1/actions/protection/reset/preview": DESK,
    "POST /api/v1/actions/alert/acknowledge": DESK,
    "POST /api/v1/journal/proof": SIGNED_IN,  # reads the whole file once more, beside the desk
    "GET /api/v1/actions/requests": SIGNED_IN,
    "POST /api/v1/actions/requests/{request_id}/approve": RISK,
    "POST /api/v1/actions/requests/{request_id}/deny": RISK,
    "WS /api/v1/stream": SIGNED_IN,
}
PAGES = SIGNED_IN  # whoever is signed in may read, and every other GET reads
PERSONS_ONLY = {
    "POST /api/v1/session/tokens",
    "DELETE /api/v1/session/sessions/{session_id}",
    "DELETE /api/v1/session/tokens/{token_id}",  # but itself
    *(route for route in EXPECTED if "/users" in route),
    *(route for route in EXPECTED if EXPECTED[route] == RISK),
}  # no API token, however mighty


@pytest.fixture(scope="module")
def application():
    users = Users.in_memory(Passwords(cheap()))
    for name, role in ROLES.items():
        users.add(name, role, Secret(PASSWORDS[name]), 1)
    app = create_app(Publisher(), FakeDesk(), users, DashboardSettings())
    yield app
    users.close()


def expected(route):
    """Who may, by this page's own word."""
    if route in EXPECTED:
        return EXPECTED[route]
    method, path = route.split(" ")
    assert method == "GET", f"{route} changes something: write here who may"
    return EVERYBODY if path in PUBLIC else PAGES


def test_every_route_declares_what_this_page_expects(application):
    declared = check_declared(application, PUBLIC)

    assert set(EXPECTED) <= set(declared)
    for route, permission in declared.items():
        allowed = {role.value for role in Role if permission in PERMISSIONS[role]}
        allowed |= {NOBODY} if permission is Permission.PUBLIC else set()
        assert allowed == expected(route), route


def test_every_verb_of_the_stream_is_declared():
    assert {"subscribe": Permission.READ} == dict(VERBS)


def _enter(application, name):
    client = TestClient(application, base_url=HOST, client=("127.0.0.1", 1), raise_server_exceptions=False)
    if name == NOBODY:
        return client, {}
    told = client.post("/api/v1/session/login", json={"name": name, "password": PASSWORDS[name]})
    return client, {"X-CSRF-Token": told.json()["csrf"]}


def _ask(client, route, headers):
    method, path = route.split(" ")
    path = re.sub(r"\{(name|symbol)[^}]*\}", "nothing", path)
    path = re.sub(r"\{path[^}]*\}", "", path)
    path = re.sub(r"\{\w+\}", "0123456789abcdef", path)
    return client.request(method, path, headers=headers)


def _refused(route, answer):
    """The code of a refusal at the gate; empty where the request came through."""
    assert answer.status_code < 500 or answer.status_code == 503, (route, answer.text)
    told = answer.json() if answer.status_code >= 400 else {}
    return told.get("error", "") if answer.status_code in (401, 403) else ""


@pytest.mark.parametrize("name", ["vera", "toni", "rosa", "adam"])
def test_every_route_as_every_role(application, name):
    routes = [route for route in check_declared(application, PUBLIC) if not route.startswith("WS")]
    for route in routes:
        client, headers = _enter(application, name)
        refused = _refused(route, _ask(client, route, headers))

        assert refused == ("" if ROLES[name].value in expected(route) else "role"), route


@pytest.mark.parametrize("name", ["vera", "toni", "rosa", "adam"])
def test_every_route_by_token(application, name):
    """A token has its owner's role, but never what asks for a person."""
    security = application.state.security
    secret, made = security.tokens.make(security.users.find(name), "test", ROLES[name], 1)
    headers = {"Authorization": f"Bearer {secret.reveal()}"}
    client, _ = _enter(application, NOBODY)
    for route in check_declared(application, PUBLIC):
        if route.startswith("WS"):
            continue
        refused = _refused(route, _ask(client, route, headers))
        if ROLES[name].value not in expected(route):
            assert refused == "role", route
        else:
            assert refused == ("person_needed" if route in PERSONS_ONLY else ""), route
    security.users.revoke_token(made.id)


def test_every_route_as_nobody(application):
    client, headers = _enter(application, NOBODY)
    for route in check_declared(application, PUBLIC):
        if not route.startswith("WS"):
            refused = _refused(route, _ask(client, route, headers))

            assert refused == ("" if NOBODY in expected(route) else "not_signed_in"), route


@pytest.mark.parametrize("name", ["vera", "toni", "rosa", "adam"])
def test_the_stream_opens_for_everybody_who_is_signed_in(application, name):
    client, headers = _enter(application, name)
    ticket = client.post("/api/v1/session/ticket", headers=headers).json()["ticket"]

    with client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}") as socket:
        socket.send_text("{}")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()


def test_the_stream_opens_for_nobody_else(application):
    client, _ = _enter(application, NOBODY)

    for path in ("/api/v1/stream", "/api/v1/stream?ticket=", "/api/v1/stream?ticket=x&ticket=y"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(SOCKETS + path):
            pass
