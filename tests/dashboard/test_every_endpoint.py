"""Every route and the stream, against whoever should not be heard and whatever should not be said: derived from the application's own
routes and its OpenAPI document, so that a new route is tried without a line here. Who may do what is in `security/test_matrix.py`."""

import json
import re
from urllib.parse import quote

import pytest
from starlette.websockets import WebSocketDisconnect

from flatbook.cli.live_page import _watched
from flatbook.dashboard.app import OPEN_PATHS
from flatbook.dashboard.frames import decode
from flatbook.dashboard.security.gate import check_declared
from flatbook.dashboard.security.permissions import Permission, Role
from flatbook.dashboard.topics import TOPICS
from flatbook.live.health import PUBLIC, Health
from flatbook.live.metrics import Metrics
from tests.dashboard.security.doors import HOST, SOCKETS, TestClient
from tests.dashboard.security.test_origin import BAD_HOSTS, BAD_ORIGINS
from tests.dashboard.whole import Whole

ROLES = [None, *Role]
ROLE_IDS = [role.value if role else "nobody" for role in ROLES]
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
JSON = {"content-type": "application/json"}
KEY = {"idempotency-key": "key-of-a-test-0001"}
MALFORMED = [
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"NaN", b"{'a': 1}", b"\xff\xfe\xfa", b"\x00" * 64, b"[" * 20_000, b'{"a":' * 9_000,
    b'{"why": "\\ud800abcd"}', b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b"{}x",
]  # fmt: skip
NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1" + "0" * 400,
    "1" + "0" * 5000,
    "-1e308",
    "0x10",
]
TEXTS = [
    "null",
    "[]",
    "{}",
    "true",
    '"\\u0000"',
    '"\\ud800"',
    '"a\\nb"',
    '"\\u202e"',
    f'"{"x" * 5000}"',
    '""',
]
WORDS = [
    "NaN", "Infinity", "1e999", "-1", "0", "9" * 400, "%00", "%ff%fe", "..", "%2e%2e%2f%2e%2e", "%0d%0aset-cookie:x=1",
    quote("\u202e\U0001f600"), "x" * 4000, "'%20OR%201=1--", "true", "null", "{}", "%5B%5D", ":", "desk:", "class:", "class:IDX:IDX",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    made = Whole(pictures, tmp_path_factory.mktemp("journal") / "desk.journal")
    _watched(made.app, Health(made.publisher, Metrics()))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(whole):
    with TestClient(whole.app, base_url=HOST, client=("127.0.0.1", 5), raise_server_exceptions=False) as one:
        yield one


@pytest.fixture(scope="module")
def routes(whole):
    """Method, path and permission of every route."""
    declared = check_declared(whole.app, (*OPEN_PATHS, *PUBLIC))
    return [(*route.split(" ", 1), permission) for route, permission in declared.items()]


@pytest.fixture(scope="module")
def http(routes):
    """Those that are asked by HTTP; a mount as GET."""
    return [("GET" if m == "MOUNT" else m, path, permission) for m, path, permission in routes if m != "WS"]


@pytest.fixture(scope="module")
def described(whole):
    """What the API says of itself: the operation and a good body, by method and path."""
    document = whole.app.openapi()
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            body = _example(content["schema"], document["components"]["schemas"]) if content else None
            found[method.upper(), path] = operation, body
    return found


def _example(schema, named):
    if "$ref" in schema:
        return _example(named[schema["$ref"].rpartition("/")[2]], named)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], named)
    if "properties" in schema:
        return {name: _example(each, named) for name, each in schema["properties"].items()}
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "string":
        return {"^[0-9a-f]{16}$": "0123456789abcdef"}.get(
            schema.get("pattern", ""),
            "viewer" if "viewer" in schema.get("pattern", "") else "words of a test",
        )
    return {"number": 5.0, "integer": 5, "boolean": True}[schema["type"]]


def _path(path, whole):
    def known(found):
        return quote(str(whole.known.get(found[1], "0123456789abcdef")), safe="")

    return re.sub(r"\{(\w+)(?::\w+)?\}", known, path.replace("{path:path}", ""))


def _send(client, whole, role, method, path, **more):
    client.cookies.clear()
    headers = {**KEY, **whole.entered(role), **more.pop("headers", {})}
    answer = client.request(method, path, headers=headers, **more)
    assert answer.status_code < 500, (method, path, answer.status_code, answer.text[:500])
    assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)
    assert answer.headers["content-security-policy"].startswith("default-src 'self';"), (method, path)
    if answer.status_code >= 400 and path.startswith("/api/") and method != "HEAD":
        assert answer.content, (method, path, answer.status_code, answer.headers)
        assert set(answer.json()) == {"error", "message", "fields"}, (method, path, answer.text[:200])
    return answer


@pytest.mark.parametrize("role", ROLES, ids=ROLE_IDS)
def test_another_host_is_answered_by_nothing(whole, client, http, role):
    """Whoever asks: a foreign name that points here reaches no route."""
    for method, path, _ in http:
        for host in BAD_HOSTS if role is None else BAD_HOSTS[:2]:
            answer = _send(client, whole, role, method, _path(path, whole), headers={"host": host})
            assert answer.status_code == 421, (method, path, host)


@pytest.mark.parametrize("role", ROLES, ids=ROLE_IDS)
def test_another_page_changes_nothing(whole, client, http, role):
    """Nor does it read what a browser says is for another site."""
    told = len(whole.desk.told)
    for method, path, permission in http:
        asked = _path(path, whole)
        if method in UNSAFE:
            for origin in BAD_ORIGINS if role is Role.RISK_OFFICER else BAD_ORIGINS[:2]:
                answer = _send(client, whole, role, method, asked, headers={"origin": origin})
                assert (answer.status_code, answer.json()["error"]) == (403, "foreign_origin"), (path, origin)
        answer = _send(client, whole, role, method, asked, headers={"sec-fetch-site": "cross-site"})
        if path not in (*OPEN_PATHS, *PUBLIC):
            assert answer.status_code == 403, (method, path, permission)
    assert len(whole.desk.told) == told


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_a_session_without_its_token_changes_nothing(whole, client, http, role):
    """Nor with another's, nor with two."""
    told = len(whole.desk.told)
    other = whole.entered(role)["x-csrf-token"]
    for method, path, permission in http:
        if method not in UNSAFE or permission is Permission.PUBLIC:
            continue
        for csrf in ("", "x", other, "ünïcödé".encode()):
            answer = _send(client, whole, role, method, _path(path, whole), headers={"x-csrf-token": csrf})
            assert answer.status_code == 403, (method, path)
    assert len(whole.desk.told) == told


@pytest.mark.parametrize("role", ROLES, ids=ROLE_IDS)
def test_a_body_that_is_too_large_or_no_json_is_not_read(whole, client, http, role):
    """Before anybody asks who sends it."""
    large, good = b'{"why": "' + b"x" * 70_000 + b'"}', b"{}"
    for method, path, _ in http:
        asked = _path(path, whole)
        assert _send(client, whole, role, method, asked, content=large, headers=JSON).status_code == 413, path
        if method in UNSAFE:
            for kind in (
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "",
            ):
                answer = _send(
                    client, whole, role, method, asked, content=good, headers={"content-type": kind}
                )
                assert answer.status_code == 415, (method, path, kind)


@pytest.mark.parametrize("role", ROLES, ids=ROLE_IDS)
def test_a_malformed_body_is_refused(whole, client, http, described, role):
    """Wherever one is expected, and without harm where none is."""
    for method, path, _ in http:
        if method not in UNSAFE:
            continue
        takes = described[method, path][1] is not None
        for body in MALFORMED:
            answer = _send(client, whole, role, method, _path(path, whole), content=body, headers=JSON)
            assert 400 <= answer.status_code < 500 or not takes, (method, path, body[:20], answer.text)


def test_no_field_takes_what_it_is_not(whole, client, described):
    """Each field of each body in turn, as who may: infinite, endless, of another type, on two lines."""
    told = 0
    for (method, path), (_, good) in described.items():
        role = Role.ADMIN if path.startswith("/api/v1/users") else Role.RISK_OFFICER
        for field in good or ():
            number = isinstance(good[field], int | float) and not isinstance(good[field], bool)
            for wrong in NUMBERS + (TEXTS if number else TEXTS[:1] + TEXTS[1:3]):
                body = json.dumps(good | {field: "@"}).replace('"@"', wrong)
                answer = _send(client, whole, role, method, _path(path, whole), content=body, headers=JSON)
                if number and wrong not in ("null", "-1e308"):
                    assert answer.status_code in (400, 422), (path, field, wrong[:30], answer.text)
                told += 1
            extra = json.dumps(good | {"nobody_declared": 1})
            answer = _send(client, whole, role, method, _path(path, whole), content=extra, headers=JSON)
            assert answer.status_code == 422, (path, answer.text)
    assert told > 500


def test_no_word_in_an_address_breaks_a_route(whole, client, http, described):
    """In each place of a path, and as each parameter of a query."""
    for method, path, _ in http:
        role = Role.ADMIN if path.startswith("/api/v1/users") else Role.RISK_OFFICER
        operation = described.get((method, re.sub(r":\w+\}", "}", path)), ({}, None))[0]
        names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
        holes = re.findall(r"\{\w+(?::\w+)?\}", path)
        for word in WORDS:
            for hole in holes:
                asked = _path(path.replace(hole, "@"), whole).replace("@", word)
                _send(client, whole, role, method, asked)
            for name in names:
                known = "&".join(
                    f"{each}={whole.known[each]}" for each in names if each in whole.known and each != name
                )
                _send(client, whole, role, method, f"{_path(path, whole)}?{name}={word}&{known}")
                _send(client, whole, role, method, f"{_path(path, whole)}?{name}={word}&{name}=&{known}")


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PROPFIND", "FLATBOOK"]
)
def test_no_method_breaks_a_route(whole, client, http, method):
    """That nobody declared."""
    for _, path, _ in http:
        _send(client, whole, Role.RISK_OFFICER, method, _path(path, whole))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + "x" * 8000},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer fbk_\xff".encode("latin-1")},
        {"cookie": "flatbook=" + "x" * 8000},
        {"cookie": ";;;==\x01=;flatbook"},
        {"cookie": "flatbook=a; flatbook=b"},
    ],
    ids=range(7),
)
def test_no_word_at_the_door_lets_anybody_in(whole, client, http, headers):
    """Or breaks it."""
    for method, path, permission in http:
        answer = _send(client, whole, None, method, _path(path, whole), headers=headers)
        if permission is not Permission.PUBLIC:
            assert answer.status_code == 401, (method, path)


def _ticket(client, whole, role):
    answer = _send(client, whole, role, "POST", "/api/v1/session/ticket")
    return answer.json()["ticket"] if role else "0" * 43


def _opens(client, ticket, **headers):
    try:
        with client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}", headers=headers):
            return True
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize("role", ROLES, ids=ROLE_IDS)
def test_the_stream_opens_once_for_a_page_of_ours(whole, client, role):
    """For everybody who is signed in, and for nobody else; not for a foreign page, nor under a foreign name."""
    assert _opens(client, _ticket(client, whole, role), origin=HOST) == (role is not None)
    assert not _opens(client, _ticket(client, whole, role), origin="http://evil.example")
    assert not _opens(client, _ticket(client, whole, role), host="evil.example")
    assert not _opens(client, _ticket(client, whole, role), **{"sec-fetch-site": "cross-site"})
    used = _ticket(client, whole, role)
    _opens(client, used)
    assert not _opens(client, used)


@pytest.mark.parametrize(
    "said",
    ["", "{", "[]", "null", "NaN", '{"subscribe": 1}', '{"subscribe": [1]}', '{"subscribe": ["desk"], "x": 1}', '{"subscribe": ["nothing"]}',
     '{"subscribe": [' + ",".join(f'"class:{n}"' for n in range(40)) + "]}", "[" * 4000, '{"subscribe": ["' + "x" * 5000 + '"]}', b"\xff\x00",
     '{"subscribe": ["\\ud800"]}', '{"kill": "desk"}'],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_subscription_ends_the_stream(whole, client, said):
    """With a reason, and without an error of the server."""
    ticket = _ticket(client, whole, Role.RISK_OFFICER)
    with client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}") as socket:
        (socket.send_bytes if isinstance(said, bytes) else socket.send_text)(said)
        with pytest.raises(WebSocketDisconnect) as told:
            socket.receive_bytes()
    assert told.value.code in (1003, 1008)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_topic_of_anything_is_a_frame(whole, client, topic):
    """Or ends with a reason; the stream of others goes on."""
    ticket = _ticket(client, whole, Role.VIEWER)
    of = [
        "",
        ":",
        *(f":{word}" for word in ("NaN", "IDX", "x" * 500, "../..", "\u202e", "a:b", whole.known["symbol"])),
    ]
    with client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}") as socket:
        for each in of:
            socket.send_text(json.dumps({"subscribe": [topic + each]}))
            assert decode(socket.receive_bytes()).topic
