"""Bodies that are too large, malformed, infinite or more than was asked for: refused with a 4xx, never a 500."""

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flatbook.dashboard.security.bodies import StrictBody, one_line
from tests.dashboard.security.doors import WHY

OVERRIDE = "/api/v1/actions/limit/override"
GOOD = {"limit": "SPX/vega_usd_per_point", "limit_hard": 90_000.0, "minutes": 5, "why": WHY}
_JSON = {"Content-Type": "application/json"}


def _with(**fields):
    return json.dumps(GOOD | fields)


BAD = [
    *(_with().replace("90000.0", number) for number in (
        "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0", "-1", "0.0", "1e300", "1" + "0" * 400, "1" + "0" * 5000,
        '"90000"', "null", "true", "[]", "{}", "0x10", "1_000", "9e", "+5",
    )),
    *(_with().replace('"minutes": 5', f'"minutes": {number}') for number in (
        "1e999", "NaN", "0", "-5", "5.5", "1441", '"5"', "true", "null", "99999999999999999999",
    )),
    _with(extra=1), _with(__proto__={}), _with(why=""), _with(why="   "), _with(why="x"), _with(why="a\nbcd"), _with(why="a\u0000bcd"),
    _with(why="x" * 501), _with(why="abc\u202edef"), _with(why=["abcd"]), _with(limit=""), _with(limit="x" * 201), _with(limit=7),
    _with().replace(WHY, "\\ud800abcd"), _with().replace(WHY, "abc\\u0007def"),
    "", "{", "[]", "null", "7", '"text"', "{}", "[" * 20_000, '{"a":' * 10_000, "{'limit': 1}", _with() + "x",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_is_no_such_body_is_refused(shared, rosa, body):
    for path in (OVERRIDE, f"{OVERRIDE}/preview"):
        answer = rosa.client.post(
            path,
            content=body.encode("utf-8", "surrogatepass"),
            headers={**rosa.headers, **_JSON, "Idempotency-Key": "key-00000001"},
        )

        assert answer.status_code in (400, 422), answer.text
        assert set(answer.json()) == {"error", "message", "fields"}
    assert shared.desk.facts == []


class _Plain(StrictBody):
    value: float


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), "1", True, None])
def test_a_number_is_finite_even_where_nobody_gave_its_range(value):
    assert _Plain(value=1.5).value == 1.5
    with pytest.raises(ValidationError):
        _Plain(value=value)


@pytest.mark.parametrize("path", ["pull", "pull/preview"])
def test_blanks_around_a_reason_do_not_make_it_long(shared, rosa, path):
    body = {"option_class": "SPX", "why": "abc "}

    assert rosa.post(f"/api/v1/actions/{path}", body).status_code == 422
    assert rosa.post("/api/v1/actions/pull/preview", body | {"why": "  abcd  "}).status_code == 200


def test_a_good_body_is_good(house):
    assert house.enter("rosa").post(OVERRIDE, GOOD).status_code == 200


@pytest.mark.parametrize("bad", [b"\xff\xfe\xfa", b'{"why": "\xc3\x28"}', b"\x00" * 100])
def test_bytes_that_are_no_text_are_refused(shared, rosa, bad):
    answer = rosa.client.post(
        OVERRIDE, content=bad, headers={**rosa.headers, **_JSON, "Idempotency-Key": "key-00000001"}
    )

    assert answer.status_code in (400, 422)


def test_a_body_beyond_64_kb_is_refused_whatever_it_says_of_its_size(house):
    rosa = house.enter("rosa")
    headers = {**rosa.headers, **_JSON, "Idempotency-Key": "key-00000001"}

    def pieces():
        for _ in range(100):
            yield b" " * 1000

    said = rosa.client.post(OVERRIDE, content=_with().encode() + b" " * 65_536, headers=headers)
    streamed = rosa.client.post(OVERRIDE, content=pieces(), headers=headers)
    login = house.client().post("/api/v1/session/login", content=b"x" * 70_000, headers=_JSON)

    assert [one.status_code for one in (said, streamed, login)] == [413] * 3
    assert (
        rosa.client.post(OVERRIDE, content=_with().encode() + b" " * 60_000, headers=headers).status_code
        == 200
    )


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json5",
        "",
    ],
)
def test_a_body_that_a_form_can_send_is_no_body(shared, rosa, kind):
    answer = rosa.client.post(
        OVERRIDE,
        content=_with(),
        headers={**rosa.headers, "Content-Type": kind, "Idempotency-Key": "key-00000001"},
    )

    assert answer.status_code == 415


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 65, "has space 12", "semi;colon;1", "ünïcödé-key".encode()]
)
def test_a_key_that_is_none_is_refused(shared, rosa, key):
    answer = rosa.client.post(OVERRIDE, json=GOOD, headers={**rosa.headers, "Idempotency-Key": key})

    assert answer.status_code == 422
    assert rosa.client.post(OVERRIDE, json=GOOD, headers=rosa.headers).status_code == 422


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([WHY, "desk", "SPX", "class"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_fields = st.sampled_from(
    [
        "scope",
        "name",
        "why",
        "limit",
        "limit_hard",
        "minutes",
        "option_class",
        "hedge_id",
        "approve",
        "alert_id",
        "arm_id",
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(_fields, _values, max_size=5))
def test_no_body_breaks_a_route(house, body):
    house.clock.pass_s(60)
    rosa = house.enter("rosa")
    for path in (
        "kill/arm",
        "kill/confirm",
        "pull",
        "release",
        "limit/change",
        "limit/override",
        "hedge",
        "protection/reset",
        "alert/acknowledge",
    ):
        answer = rosa.client.post(
            f"/api/v1/actions/{path}",
            content=json.dumps(body).encode(),
            headers={**rosa.headers, **_JSON, "Idempotency-Key": f"key-{house.clock()}"},
        )
        assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("text", ["a\u2028b", "\u200bab", "a\tb", "\ud800", "\ue000x", " "])
def test_text_that_does_not_stand_on_a_line_is_none(text):
    with pytest.raises(ValueError, match="must"):
        one_line(text)


def test_no_refusal_repeats_what_was_sent_and_no_log_holds_a_secret(house, caplog):
    """Passwords, cookies, tokens and tickets: in no answer but the one that gives them, in no line of a log, in no fact."""
    caplog.set_level(logging.DEBUG)
    canary = "canary-7f3a9c"
    client = house.client()
    answers = [
        client.post("/api/v1/session/login", json={"name": "toni", "password": f"{canary}-wrong-password"}),
        client.post("/api/v1/session/login", json={"name": f"{canary}-as-a-name", "password": "x"}),
        client.post("/api/v1/session/login", json={"name": "toni", "password": canary, canary: 1}),
        client.post("/api/v1/session/login", json={"name": "toni", "password": [canary]}),
        client.post("/api/v1/session/login", content=f'{{"password": "{canary}"', headers=_JSON),
        client.get("/api/v1/users", headers={"Authorization": f"Bearer {canary}"}),
    ]
    adam = house.enter("adam")
    answers += [
        adam.post(
            "/api/v1/users", {"name": "newcomer", "role": "viewer", "password": f"{canary} long enough"}
        ),
        adam.post("/api/v1/users", {"name": "other", "role": "viewer", "password": canary[:11]}),
        adam.post("/api/v1/users/vera/password", {"password": f"{canary} another one"}),
        adam.get("/api/v1/users"),
        adam.get("/api/v1/session/sessions"),
    ]
    cookie = adam.client.cookies["flatbook"]

    assert [one.status_code for one in answers] == [401, 401, 422, 422, 422, 401, 201, 409, 200, 200, 200]
    everything = "".join(one.text for one in answers) + caplog.text + repr(house.desk.told)
    for secret in (canary, "canary-toni", "canary-adam", cookie, adam.headers["X-CSRF-Token"], "argon2"):
        assert secret not in everything
    dump = "".join(house.users._connection.iterdump())
    assert canary not in dump
    assert "canary-toni" not in dump
