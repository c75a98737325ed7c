"""Sessions, tokens and tickets end when they should; logins cost who guesses, and tell nothing."""

import time

import pytest
from starlette.websockets import WebSocketDisconnect

from flatbook.dashboard.security.passwords import Passwords
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.rate_limit import KEYS_MAX, Buckets, Logins
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.sessions import SESSIONS_OF_USER
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.tickets import TICKETS_MAX
from flatbook.model.errors import InvalidValueError
from tests.dashboard.security.doors import PASSWORDS, SOCKETS, WHY, Clock, House

MINUTE, HOUR = 60.0, 3600.0
READ = "/api/v1/actions/requests"


def login(house, name, password, address="127.0.0.1"):
    return house.client(address=address).post(
        "/api/v1/session/login", json={"name": name, "password": password}
    )


def opens(visitor, ticket):
    try:
        with visitor.client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}"):
            return True
    except WebSocketDisconnect:
        return False


def test_a_session_ends_thirty_minutes_after_its_last_use(house):
    toni = house.enter("toni")
    house.clock.pass_s(29 * MINUTE)
    assert toni.get(READ).status_code == 200
    house.clock.pass_s(29.9 * MINUTE)
    assert toni.get(READ).status_code == 200
    house.clock.pass_s(30 * MINUTE)
    assert toni.get(READ).status_code == 401
    assert toni.get("/api/v1/session").json()["signed_in"] is False


def test_a_session_ends_twelve_hours_after_it_began_however_busy(house):
    toni = house.enter("toni")
    for _ in range(35):
        house.clock.pass_s(20 * MINUTE)
        assert toni.get(READ).status_code == 200
    house.clock.pass_s(20 * MINUTE)

    assert toni.get(READ).status_code == 401


def test_logout_ends_the_session_its_ticket_and_its_stream(house):
    toni = house.enter("toni")
    cookie, ticket = toni.client.cookies["flatbook"], toni.post("/api/v1/session/ticket").json()["ticket"]
    other = toni.post("/api/v1/session/ticket").json()["ticket"]
    with toni.client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}") as socket:
        socket.send_text("x")
        assert socket.receive_json() == {"holds": True, "name": "toni"}
        assert toni.post("/api/v1/session/logout").json()["signed_in"] is False
        socket.send_text("x")
        assert socket.receive_json()["holds"] is False
    toni.client.cookies.set("flatbook", cookie)

    assert toni.get(READ).status_code == 401
    assert not opens(toni, other)


@pytest.mark.parametrize("what", ["role", "password", "removed"])
def test_another_role_or_password_ends_sessions_and_streams(house, what):
    toni = house.enter("toni")
    ticket, other = (toni.post("/api/v1/session/ticket").json()["ticket"] for _ in range(2))
    with toni.client.websocket_connect(f"{SOCKETS}/api/v1/stream?ticket={ticket}") as socket:
        if what == "role":
            house.users.set_role("toni", Role.VIEWER)
        elif what == "password":
            house.users.set_password("toni", Secret("another password of toni"))
        else:
            house.users.remove("toni")
            house.users.add("toni", Role.TRADER, Secret(PASSWORDS["toni"]), 1)
        socket.send_text("x")
        assert socket.receive_json()["holds"] is False
    assert toni.get(READ).status_code == 401
    assert not opens(toni, other)


def test_a_login_never_keeps_the_cookie_that_was_there_before(house):
    """Session fixation: who planted a cookie does not come in with it."""
    client = house.client()
    client.cookies.set("flatbook", "planted")
    first = client.post("/api/v1/session/login", json={"name": "toni", "password": PASSWORDS["toni"]})
    cookie = client.cookies.get("flatbook", domain="127.0.0.1")
    second = house.enter("toni")

    assert "planted" not in first.headers["set-cookie"]
    assert cookie != second.client.cookies["flatbook"]


def test_sessions_are_listed_and_revoked(house):
    first, second, rosa, adam = (house.enter(name) for name in ("toni", "toni", "rosa", "adam"))
    listed = first.get("/api/v1/session/sessions").json()
    other = next(one["id"] for one in listed if not one["yours"])

    assert len(listed) == 2
    assert rosa.client.delete(f"/api/v1/session/sessions/{other}", headers=rosa.headers).status_code == 404
    assert first.client.delete(f"/api/v1/session/sessions/{other}", headers=first.headers).status_code == 204
    assert second.get(READ).status_code == 401
    assert {one["name"] for one in adam.get("/api/v1/session/sessions").json()} == {"toni", "rosa", "adam"}
    mine = listed[0]["id"] if listed[0]["id"] != other else listed[1]["id"]
    assert adam.client.delete(f"/api/v1/session/sessions/{mine}", headers=adam.headers).status_code == 204
    assert first.get(READ).status_code == 401


def test_of_too_many_sessions_the_oldest_ends(house):
    visitors = [house.enter("toni") for _ in range(SESSIONS_OF_USER + 1)]

    assert [one.get(READ).status_code for one in visitors] == [401] + [200] * SESSIONS_OF_USER


def test_a_ticket_opens_one_stream_within_thirty_seconds(house):
    toni = house.enter("toni")
    once, late, early = (toni.post("/api/v1/session/ticket").json()["ticket"] for _ in range(3))
    assert opens(toni, once)
    assert not opens(toni, once)
    house.clock.pass_s(29.9)
    assert opens(toni, early)
    house.clock.pass_s(0.1)
    assert not opens(toni, late)


def test_tickets_are_bounded(house):
    rosa = house.enter("rosa")
    principal = house.security.sessions.find(rosa.client.cookies["flatbook"], "")[1]
    written = [house.security.tickets.make(principal) for _ in range(TICKETS_MAX + 1)]

    assert house.security.tickets.use(written[0]) is None
    assert house.security.tickets.use(written[1]) == principal


def test_a_token_ends_by_time_by_revocation_and_with_its_owner(house):
    day = 86_400.0
    by_time, _ = house.token_of("toni", days=2)
    revoked, made = house.token_of("toni")
    owned, _ = house.token_of("rosa")
    assert all(one.get(READ).status_code == 200 for one in (by_time, revoked, owned))
    house.users.revoke_token(made.id)
    assert revoked.get(READ).status_code == 401
    house.clock.pass_s(2 * day - 1)
    assert by_time.get(READ).status_code == 200
    house.clock.pass_s(1)
    assert by_time.get(READ).status_code == 401
    house.users.remove("rosa")
    assert owned.get(READ).status_code == 401


def test_a_token_never_exceeds_its_owner(house):
    visitor, _ = house.token_of("rosa", Role.TRADER)
    assert visitor.post("/api/v1/actions/kill/arm", {"scope": "desk", "why": WHY}).status_code == 200
    house.users.set_role("rosa", Role.VIEWER)
    assert visitor.post("/api/v1/actions/kill/arm", {"scope": "desk", "why": WHY}).json()["error"] == "role"
    with pytest.raises(InvalidValueError, match="allows what"):
        house.token_of("toni", Role.RISK_OFFICER)
    with pytest.raises(InvalidValueError, match="allows what"):
        house.token_of("adam", Role.TRADER)
    with pytest.raises(InvalidValueError, match="days"):
        house.token_of("toni", days=366)


def test_a_token_of_wrong_secret_or_shape_is_nobody(house):
    visitor, made = house.token_of("toni")
    good = visitor.headers["Authorization"]
    wrong = [good[:-1] + ("A" if good[-1] != "A" else "B"), good[:-1], good + "x", good.replace("Bearer", "Basic"), "Bearer", "Bearer ",
             f"Bearer fbk_{made.id}_{'A' * 43}", f"Bearer fbk_{'0' * 16}_{'A' * 43}", "Bearer \u00e9"]  # fmt: skip
    for header in wrong:
        answer = house.client().get(READ, headers={"Authorization": header.encode()})
        assert answer.status_code == 401, header
    twice = [("Authorization", good), ("Authorization", good)]
    assert house.client().get(READ, headers=twice).status_code == 401
    toni = house.enter("toni")
    assert (
        toni.get(READ, headers={"Authorization": "Bearer wrong"}).status_code == 401
    )  # no way back to the cookie


def test_tokens_are_made_and_revoked_over_the_api(house):
    toni, rosa, adam = (house.enter(name) for name in ("toni", "rosa", "adam"))
    made = toni.post("/api/v1/session/tokens", {"label": "notebook", "role": "viewer", "days": 7})
    body = made.json()
    assert made.status_code == 201
    token = {"Authorization": f"Bearer {body['token']}"}
    assert house.client().get(READ, headers=token).status_code == 200
    assert "token" not in toni.get("/api/v1/session/tokens").json()[0]
    assert rosa.get("/api/v1/session/tokens").json() == []
    path = f"/api/v1/session/tokens/{body['id']}"
    assert rosa.client.delete(path, headers=rosa.headers).status_code == 409
    assert adam.client.delete(path, headers=adam.headers).status_code == 204
    assert house.client().get(READ, headers=token).status_code == 401
    raised = toni.post("/api/v1/session/tokens", {"label": "n", "role": "risk_officer", "days": 7})
    assert raised.status_code == 409


def test_a_token_signs_nobody_out_and_revokes_itself_alone(house):
    """Who finds a viewer's token in a notebook must not sign the risk officer out whose token it is."""
    rosa = house.enter("rosa")
    token, made = house.token_of("rosa", Role.VIEWER)
    _, other = house.token_of("rosa")
    session = rosa.get("/api/v1/session/sessions").json()[0]["id"]
    for path in (f"sessions/{session}", f"tokens/{other.id}"):
        refused = token.client.delete(f"/api/v1/session/{path}", headers=token.headers)
        assert refused.json()["error"] == "person_needed"
    assert rosa.get(READ).status_code == 200
    assert token.client.delete(f"/api/v1/session/tokens/{made.id}", headers=token.headers).status_code == 204
    assert token.get(READ).status_code == 401


def test_limits_ask_for_the_password_again_after_fifteen_minutes(house):
    rosa = house.enter("rosa")
    body = {"limit": "SPX/vega_usd_per_point", "limit_hard": 90_000.0, "minutes": 5, "why": WHY}
    house.clock.pass_s(14.9 * MINUTE)
    assert rosa.post("/api/v1/actions/limit/override", body).status_code == 200
    house.clock.pass_s(0.1 * MINUTE)
    assert rosa.post("/api/v1/actions/limit/override", body).json()["error"] == "step_up"
    assert rosa.post("/api/v1/session/step-up", {"password": "wrong"}).status_code == 401
    assert rosa.post("/api/v1/actions/limit/override", body).json()["error"] == "step_up"
    assert rosa.post("/api/v1/session/step-up", {"password": PASSWORDS["rosa"]}).status_code == 200
    assert rosa.post("/api/v1/actions/limit/override", body).status_code == 200
    house.clock.pass_s(20 * MINUTE)
    assert rosa.post("/api/v1/actions/kill/arm", {"scope": "desk", "why": WHY}).status_code == 200


def test_a_password_is_changed_by_who_knows_the_old_one(house):
    toni, other = house.enter("toni"), house.enter("toni")
    body = {"old": "wrong", "new": "tangerine harbour 30"}
    assert toni.post("/api/v1/session/password", body).status_code == 401
    assert (
        toni.post("/api/v1/session/password", body | {"old": PASSWORDS["toni"], "new": "short"}).status_code
        == 409
    )
    changed = toni.post("/api/v1/session/password", body | {"old": PASSWORDS["toni"]})
    assert changed.status_code == 200
    assert other.get(READ).status_code == 401
    assert toni.get(READ).status_code == 200
    assert login(house, "toni", PASSWORDS["toni"]).status_code == 401
    assert login(house, "toni", "tangerine harbour 30").status_code == 200


def test_wrong_passwords_make_wait_twice_as_long_each_time(house):
    for _ in range(5):
        assert login(house, "toni", "wrong").status_code == 401
    waits = []
    for _ in range(12):
        refused = login(house, "toni", PASSWORDS["toni"])
        assert refused.status_code == 429
        waits.append(house.security.logins.wait_s("toni", "127.0.0.1"))
        assert int(refused.headers["retry-after"]) == int(waits[-1]) + 1
        house.clock.pass_s(waits[-1])
        assert login(house, "toni", "wrong").status_code == 401
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    house.clock.pass_s(900)
    assert login(house, "toni", PASSWORDS["toni"]).status_code == 200
    assert login(house, "toni", "wrong").status_code == 401
    assert login(house, "toni", PASSWORDS["toni"]).status_code == 200


def test_nobody_shuts_somebody_else_out_by_guessing(house):
    for _ in range(5):
        login(house, "rosa", "wrong", "203.0.113.7")
    assert login(house, "rosa", PASSWORDS["rosa"], "203.0.113.7").status_code == 429
    assert login(house, "rosa", PASSWORDS["rosa"], "127.0.0.1").status_code == 200


def test_an_address_that_tries_many_names_waits_too(house):
    answers = [login(house, f"name{n}", "wrong", "203.0.113.7").status_code for n in range(21)]

    assert answers == [401] * 20 + [429]


def test_a_name_that_nobody_has_answers_alike_and_waits_alike(house):
    known = [login(house, "toni", "wrong") for _ in range(6)]
    unknown = [login(house, "tina", "wrong") for _ in range(6)]

    assert [one.status_code for one in known] == [one.status_code for one in unknown]
    assert [one.text for one in known] == [one.text for one in unknown]
    names = {(one.action, one.who, one.outcome) for one in house.desk.audit}
    assert names == {("login", "toni", "refused"), ("login", "unknown", "refused")}


def test_an_unknown_name_takes_as_long_as_a_wrong_password():
    """At the cost of real passwords; medians of three, so that one pause of the machine decides nothing."""
    house = House(users=False, passwords=Passwords())
    house.users.add("toni", Role.TRADER, Secret(PASSWORDS["toni"]), 1)
    house.users.add("robot", Role.TRADER, None, 1)
    took = {"toni": [], "tina": [], "robot": []}
    for _ in range(3):
        for name, times in took.items():
            began = time.thread_time_ns()
            assert house.users.login(name, Secret("wrong password")) is None
            times.append(time.thread_time_ns() - began)
    house.close()
    known, unknown, without = (sorted(times)[1] for times in took.values())

    assert known > 10_000_000  # 10 ms of work at least: it is argon2 that was timed
    assert 0.5 < unknown / known < 2.0
    assert 0.5 < without / known < 2.0


def test_an_old_hash_is_made_anew_at_the_next_login(house):
    before = house.users._rows("SELECT password FROM users WHERE name = 'toni'")[0][0]
    house.users.passwords = Passwords()
    assert house.users.login("toni", Secret(PASSWORDS["toni"])) is not None
    after = house.users._rows("SELECT password FROM users WHERE name = 'toni'")[0][0]

    assert before.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert after.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_a_bucket_fills_at_its_rate_and_its_table_is_bounded():
    clock = Clock()
    buckets = Buckets(2.0, 3.0, clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.pass_s(0.5)
    assert buckets.take("a") == 0.0
    clock.pass_s(-3600)
    assert buckets.take("a") == 0.5
    clock.pass_s(1000)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    for n in range(KEYS_MAX):
        buckets.take(f"key {n}")
    assert len(buckets._by_key) == KEYS_MAX
    logins = Logins(SecuritySettings(), clock)
    for n in range(KEYS_MAX):
        logins.failed(f"name {n}", f"address {n}")
    assert len(logins._by_key) == KEYS_MAX


def test_who_floods_is_refused_but_a_kill_goes_through():
    house = House(SecuritySettings(requests_burst=10.0, requests_per_s=1.0))
    toni, rosa = house.enter("toni"), house.enter("rosa")
    answers = [toni.get(READ).status_code for _ in range(15)]
    assert set(answers) == {200, 429}
    assert toni.get(READ).headers["retry-after"]
    assert rosa.get(READ).status_code == 200
    armed = toni.post("/api/v1/actions/kill/arm", {"scope": "desk", "why": WHY}).json()["arm_id"]
    assert toni.post("/api/v1/actions/kill/confirm", {"arm_id": armed}).status_code == 200
    assert house.desk.facts[0].on
    house.close()


def test_who_sits_at_the_machine_needs_no_login_until_there_is_a_user():
    house = House(users=False)
    page = house.nobody()
    told = page.get("/api/v1/session").json()
    assert (told["name"], told["role"], told["how"]) == ("local", "risk_officer", "local")
    assert page.get(READ).status_code == 200
    page.headers = {"X-CSRF-Token": told["csrf"]}
    assert page.post("/api/v1/session/tokens", {"label": "n", "role": "viewer", "days": 7}).status_code == 409
    away = house.client(address="203.0.113.7")
    assert away.get(READ).status_code == 401
    assert away.get("/api/v1/session").json()["signed_in"] is False
    house.users.add("toni", Role.TRADER, Secret(PASSWORDS["toni"]), 1)
    assert page.get(READ).status_code == 401
    assert page.get("/api/v1/session").json()["login_needed"] is True
    house.close()


@pytest.mark.parametrize("settings", [SecuritySettings(behind_proxy=True), SecuritySettings(host="192.0.2.1"), SecuritySettings(tls=True)])  # fmt: skip
def test_nobody_is_local_where_others_can_reach_us(settings):
    house = House(settings, users=False)
    base = "https://127.0.0.1" if settings.encrypted else "http://127.0.0.1"

    assert house.client(base).get(READ).status_code == 401
    assert house.client(base).get("/api/v1/session").json()["signed_in"] is False
    house.close()
