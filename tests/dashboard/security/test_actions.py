"""What operators do: each action its fact, its record with who and why, once; and loosening by two persons."""

import asyncio

import pytest

from flatbook.dashboard.security.refusals import RefusedError
from flatbook.dashboard.security.repeats import KEPT_MAX, Repeats
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.model.events import LimitOverridden, LimitsSet
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.quoting_events import ProtectionReset
from tests.dashboard.security.doors import GAP, START_NS, VEGA, WHY, House, S, snapshot

A = "/api/v1/actions"
RAISE = {"limit": VEGA.name, "limit_hard": 150_000.0, "why": WHY}
LOWER = {"limit": VEGA.name, "limit_hard": 80_000.0, "why": WHY}
STOP = {"scope": "underlying", "name": "SPX", "why": WHY}


@pytest.fixture
def careful():
    """Where raising a limit and releasing a kill take two."""
    made = House(SecuritySettings(four_eyes=True))
    yield made
    made.close()


def kill(visitor, body=STOP):
    armed = visitor.post(f"{A}/kill/arm", body)
    return visitor.post(f"{A}/kill/confirm", {"arm_id": armed.json()["arm_id"]})


def trail(house):
    return [(one.action, one.who, one.outcome.value) for one in house.desk.audit if one.action != "login"]


@pytest.mark.parametrize(
    ("scope", "name"), [("desk", ""), ("underlying", "SPX"), ("class", "SPXW"), ("venue", "CBOE")]
)
def test_a_kill_is_armed_then_confirmed_then_released(house, scope, name):
    toni, rosa = house.enter("toni"), house.enter("rosa")
    body = {"scope": scope, "name": name, "why": WHY}
    armed = toni.post(f"{A}/kill/arm", body)
    assert house.desk.facts == []
    done = toni.post(f"{A}/kill/confirm", {"arm_id": armed.json()["arm_id"]})
    assert done.json()["state"] == "done"
    assert house.desk.facts == [
        KillSet(received_ns=0, scope=KillScope(scope), name=name, on=True, owner="toni", reason=WHY)
    ]
    assert toni.post(f"{A}/release", body).json()["error"] == "role"
    assert rosa.post(f"{A}/release", body).json()["state"] == "done"
    assert house.desk.facts[1] == KillSet(
        received_ns=0, scope=KillScope(scope), name=name, on=False, owner="rosa", reason=WHY
    )
    assert trail(house) == [
        ("kill", "toni", "done"),
        ("release", "rosa", "asked"),
        ("release", "rosa", "done"),
    ]
    record = next(one for one in house.desk.audit if one.action == "kill")
    assert (record.why, record.target, record.role) == (WHY, f"{scope} {name}".strip(), "trader")


def test_an_arm_holds_ten_seconds_for_who_armed_it_and_once(house):
    toni, rosa = house.enter("toni"), house.enter("rosa")
    armed = toni.post(f"{A}/kill/arm", STOP).json()["arm_id"]
    assert rosa.post(f"{A}/kill/confirm", {"arm_id": armed}).json()["error"] == "not_armed"
    house.clock.pass_s(9.9)
    first = toni.post(f"{A}/kill/confirm", {"arm_id": armed})
    again = toni.post(f"{A}/kill/confirm", {"arm_id": armed})
    assert first.json() == again.json()
    assert len(house.desk.facts) == 1
    late = toni.post(f"{A}/kill/arm", STOP).json()["arm_id"]
    house.clock.pass_s(10)
    assert toni.post(f"{A}/kill/confirm", {"arm_id": late}).json()["error"] == "not_armed"
    assert len(house.desk.facts) == 1


@pytest.mark.parametrize(
    "body",
    [
        STOP | {"name": "NOPE"},
        {"scope": "class", "name": "NOPE", "why": WHY},
        {"scope": "desk", "name": "x", "why": WHY},
        {"scope": "underlying", "why": WHY},
    ],
)
def test_nobody_believes_to_have_stopped_what_is_not_there(house, body):
    assert house.enter("toni").post(f"{A}/kill/arm", body).status_code == 409


@pytest.mark.parametrize("name", ["SPX\nrosa: all is well", "SPX\u202e", "\x00"])
def test_a_scope_stands_on_one_line(house, name):
    """It goes to the journal and to every page."""
    rosa = house.enter("rosa")
    for path in ("kill/arm", "kill/preview", "release", "release/preview"):
        refused = rosa.post(f"{A}/{path}", STOP | {"name": name})
        assert (refused.status_code, refused.json()["fields"]) == (422, ["body.name"])
    assert house.desk.facts == []


def test_limits_that_differ_in_the_last_digit_are_two_requests(house):
    """And the record tells every digit."""
    rosa = house.enter("rosa")
    key = {"Idempotency-Key": "the-same-key"}
    first, second = (LOWER | {"limit_hard": value} for value in (80_000.01, 80_000.02))
    assert rosa.post(f"{A}/limit/change", first, headers=key).json()["text"].endswith(" to 80000.01")
    assert rosa.post(f"{A}/limit/change", second, headers=key).json()["error"] == "key_used"


def test_a_kill_works_before_the_desk_has_shown_anything(house):
    house.publisher._latest = None

    assert kill(house.enter("toni")).json()["state"] == "done"


def test_a_class_is_pulled(house):
    done = house.enter("toni").post(f"{A}/pull", {"option_class": "SPXW", "why": WHY})

    assert done.json()["state"] == "done"
    assert house.desk.facts == [
        KillSet(received_ns=0, scope=KillScope.CLASS, name="SPXW", on=True, owner="toni", reason=WHY)
    ]


def test_an_override_holds_until_its_minute_by_the_desks_clock(house):
    done = house.enter("rosa").post(f"{A}/limit/override", RAISE | {"minutes": 30, "shown": 100_000.0})

    assert done.json()["state"] == "done"
    assert house.desk.facts == [
        LimitOverridden(
            received_ns=0,
            limit=VEGA.name,
            limit_hard=150_000.0,
            owner="rosa",
            reason=WHY,
            until_ns=START_NS + 1800 * S,
        )
    ]
    assert trail(house) == [("limit override", "rosa", "asked"), ("limit override", "rosa", "done")]


def test_a_limit_is_changed_and_all_others_stay(house):
    rosa = house.enter("rosa")
    done = rosa.post(f"{A}/limit/change", LOWER)

    assert done.status_code == 200
    (fact,) = house.desk.facts
    assert isinstance(fact, LimitsSet)
    assert [(one.name, one.limit_hard) for one in fact.limits] == [
        (VEGA.name, 80_000.0),
        (GAP.name, GAP.limit_hard),
    ]
    again = rosa.post(f"{A}/limit/change", {"limit": GAP.name, "limit_hard": 1.0, "why": WHY})
    assert (again.status_code, len(house.desk.facts)) == (200, 2)  # sequence 2 is shown by cycle 7


def test_of_two_changes_none_undoes_the_other(house):
    """A change tells all limits: it waits until the one before it is shown."""
    rosa = house.enter("rosa")
    house.desk.told += [(fact, "x", "y") for fact, _, _ in house.desk.told] * 8
    assert rosa.post(f"{A}/limit/change", LOWER).status_code == 200
    early = rosa.post(f"{A}/limit/change", {"limit": GAP.name, "limit_hard": 1.0, "why": WHY})
    assert early.status_code == 409
    house.publisher._latest = snapshot(sequence=50)
    assert (
        rosa.post(f"{A}/limit/change", {"limit": GAP.name, "limit_hard": 1.0, "why": WHY}).status_code == 200
    )
    assert len(house.desk.facts) == 2


@pytest.mark.parametrize("body", [RAISE | {"limit": "nope"}, RAISE | {"shown": 99_999.0}])
@pytest.mark.parametrize("more", [{"minutes": 5}, {}])
def test_a_limit_that_is_not_as_it_was_shown_is_left_alone(house, body, more):
    answer = house.enter("rosa").post(f"{A}/limit/{'override' if more else 'change'}", body | more)

    assert answer.status_code == 409
    assert house.desk.facts == []
    assert trail(house)[-1][2] == "refused"


def test_an_override_is_ended(house):
    rosa = house.enter("rosa")
    assert rosa.post(f"{A}/limit/override/end", {"limit": VEGA.name, "why": WHY}).status_code == 409
    house.publisher._latest = snapshot(overridden=150_000.0)
    assert rosa.post(f"{A}/limit/override/end", {"limit": VEGA.name, "why": WHY}).status_code == 200
    assert house.desk.facts[0].until_ns == 0


def test_a_protection_is_reset_a_hedge_answered_an_alert_seen(house):
    toni = house.enter("toni")
    assert toni.post(f"{A}/protection/reset", {"scope": "shadow/SPX", "why": WHY}).status_code == 200
    assert toni.post(f"{A}/hedge", {"hedge_id": "SPX:buy", "approve": True, "why": WHY}).status_code == 200
    assert toni.post(f"{A}/hedge", {"hedge_id": "SPX:sell", "approve": True, "why": WHY}).status_code == 409
    assert toni.post(f"{A}/alert/acknowledge", {"alert_id": "a-1", "why": WHY}).status_code == 200

    assert house.desk.facts == [ProtectionReset(received_ns=0, scope="shadow/SPX")]
    assert house.desk.hedges == [("SPX:buy", True, "toni", WHY)]
    assert house.desk.seen == [("a-1", "toni")]
    assert [one[2] for one in trail(house)] == [
        "asked",
        "done",
        "asked",
        "done",
        "asked",
        "refused",
        "asked",
        "done",
    ]


def test_the_same_key_does_it_once_and_another_body_under_it_is_refused(house):
    toni = house.enter("toni")
    key = {"Idempotency-Key": "the-same-key"}
    body = {"scope": "shadow/SPX", "why": WHY}
    first, again = (toni.post(f"{A}/protection/reset", body, headers=key) for _ in range(2))
    other = toni.post(f"{A}/protection/reset", body | {"scope": "shadow/AAPL"}, headers=key)
    rosa = house.enter("rosa").post(f"{A}/protection/reset", body, headers=key)

    assert first.json() == again.json()
    assert (other.status_code, other.json()["error"]) == (409, "key_used")
    assert rosa.status_code == 200
    assert len(house.desk.facts) == 2  # toni's once, rosa's once


def test_what_failed_may_be_tried_again_with_the_same_key(house):
    toni = house.enter("toni")
    key = {"Idempotency-Key": "the-same-key"}
    house.desk.refuses = True
    assert (
        toni.post(f"{A}/protection/reset", {"scope": "shadow/SPX", "why": WHY}, headers=key).status_code
        == 409
    )
    house.desk.refuses = False
    assert (
        toni.post(f"{A}/protection/reset", {"scope": "shadow/SPX", "why": WHY}, headers=key).status_code
        == 200
    )


def test_requests_at_once_under_one_key_are_done_once():
    done = []

    async def scene():
        repeats = Repeats()

        async def do():
            await asyncio.sleep(0)
            done.append(1)
            return len(done)

        answers = await asyncio.gather(*(repeats.once("a", "k", "b", do) for _ in range(20)))
        with pytest.raises(RefusedError):
            await repeats.once("a", "k", "c", do)
        for n in range(KEPT_MAX + 5):
            await repeats.once("a", f"k{n}", "b", do)
        return answers, len(repeats._by_key)

    assert asyncio.run(scene()) == ([1] * 20, KEPT_MAX)


@pytest.mark.parametrize(("path", "body"), [
    ("kill", STOP), ("pull", {"option_class": "SPX", "why": WHY}), ("release", STOP), ("limit/change", RAISE),
    ("limit/override", RAISE | {"minutes": 5}), ("protection/reset", {"scope": "shadow/SPX", "why": WHY}),
])  # fmt: skip
def test_a_preview_tells_money_and_does_nothing(house, path, body):
    told = house.enter("rosa").post(f"{A}/{path}/preview", body).json()

    assert told["changes"] == [{"name": "capital", "before": None, "after": 5.0, "unit": "USD"}]
    assert told["second_person"] is False
    assert house.desk.facts == []
    assert trail(house) == []


@pytest.mark.parametrize(
    ("path", "body"), [("limit/change", RAISE), ("limit/override", RAISE | {"minutes": 5}), ("release", STOP)]
)
def test_loosening_waits_for_a_second_person(careful, path, body):
    rosa, ruth, toni = (careful.enter(name) for name in ("rosa", "ruth", "toni"))
    assert rosa.post(f"{A}/{path}/preview", body).json()["second_person"] is True
    asked = rosa.post(f"{A}/{path}", body)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    assert careful.desk.facts == []
    (waiting,) = toni.get(f"{A}/requests").json()
    assert (waiting["who"], waiting["yours"]) == ("rosa", False)
    answer = f"{A}/requests/{waiting['id']}/approve"
    assert rosa.post(answer, {"why": "I say so"}).json()["error"] == "not_yours"
    assert toni.post(answer, {"why": "I say so"}).json()["error"] == "role"
    assert careful.desk.facts == []
    assert ruth.post(answer, {"why": "seen and agreed"}).json()["state"] == "done"
    assert len(careful.desk.facts) == 1
    who, why = next(one[1:] for one in careful.desk.told if one[0] is careful.desk.facts[0])
    assert (who, why) == ("rosa", f"{WHY} (second person: ruth)")
    assert [one[1:] for one in trail(careful)] == [
        ("rosa", "asked"),
        ("ruth", "approved"),
        ("rosa", "asked"),
        ("rosa", "done"),
    ]
    assert ruth.post(answer, {"why": "and again"}).status_code == 409
    assert rosa.get(f"{A}/requests").json() == []
    assert len(careful.desk.facts) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("limit/change", LOWER),
        ("limit/override", LOWER | {"minutes": 5}),
        ("protection/reset", {"scope": "x/y", "why": WHY}),
    ],
)
def test_tightening_needs_one_person(careful, path, body):
    assert careful.enter("rosa").post(f"{A}/{path}", body).json()["state"] == "done"


def test_ending_a_tighter_override_loosens(careful):
    careful.publisher._latest = snapshot(overridden=50_000.0)
    rosa = careful.enter("rosa")

    assert rosa.post(f"{A}/limit/override/end", {"limit": VEGA.name, "why": WHY}).status_code == 202
    other = {"limit": GAP.name, "limit_hard": 1.0, "why": WHY}  # lower, but all overrides end with it
    assert rosa.post(f"{A}/limit/change", other).status_code == 202
    careful.publisher._latest = snapshot(overridden=200_000.0)
    assert rosa.post(f"{A}/limit/override/end", {"limit": VEGA.name, "why": WHY}).status_code == 200


def test_a_request_is_denied_withdrawn_or_expires(careful):
    rosa, ruth = careful.enter("rosa"), careful.enter("ruth")
    ids = [
        rosa.post(f"{A}/limit/change", RAISE | {"limit_hard": 1e6 + n}).json()["request_id"] for n in range(3)
    ]
    assert ruth.post(f"{A}/requests/{ids[0]}/deny", {"why": "too much"}).json()["state"] == "denied"
    assert rosa.post(f"{A}/requests/{ids[1]}/deny", {"why": "mistyped"}).json()["state"] == "denied"
    careful.clock.pass_s(899)
    assert len(ruth.get(f"{A}/requests").json()) == 1
    careful.clock.pass_s(1)
    assert ruth.get(f"{A}/requests").json() == []
    fresh = careful.enter("ruth")
    assert fresh.post(f"{A}/requests/{ids[2]}/approve", {"why": "too late"}).status_code == 409
    assert careful.desk.facts == []
    assert [one[2] for one in trail(careful)] == ["asked"] * 3 + ["denied"] * 2 + ["expired"]


def test_who_asked_and_lost_the_role_is_not_obeyed(careful):
    rosa, ruth = careful.enter("rosa"), careful.enter("ruth")
    asked = rosa.post(f"{A}/release", STOP).json()["request_id"]
    careful.users.remove("rosa")

    assert ruth.post(f"{A}/requests/{asked}/approve", {"why": "fine by me"}).status_code == 409
    assert careful.desk.facts == []


def test_a_small_raise_needs_one_person_where_the_desk_says_so():
    house = House(SecuritySettings(four_eyes=True, four_eyes_above_pct=20.0))
    rosa = house.enter("rosa")

    assert rosa.post(f"{A}/limit/change", RAISE | {"limit_hard": 119_000.0}).status_code == 200
    assert (
        rosa.post(f"{A}/limit/override", RAISE | {"limit_hard": 121_000.0, "minutes": 5}).status_code == 202
    )
    house.close()


def test_nothing_is_done_that_cannot_be_written_down(house):
    rosa = house.enter("rosa")
    house.desk.refuses = True

    assert rosa.post(f"{A}/limit/change", LOWER).status_code == 409
    assert house.desk.facts == []
