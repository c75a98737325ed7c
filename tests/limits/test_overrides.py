"""Cool-down, tightening, overrides and fast markets: what changes a limit, and that each change is an event."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.codec import decode, encode
from flatbook.limits.check import check
from flatbook.limits.ladder import Step, no_memory, respond, steps_of, thresholds_of
from flatbook.limits.overrides import InForce, Override
from flatbook.model.errors import FlatbookError, InvalidValueError
from flatbook.model.events import CycleDue, FastMarketSet, LimitOverridden, LimitsSet
from flatbook.model.parameters import EventTerms, Limit, LimitMeasure
from tests.limits.books import MARKET, ROW, measured, quantities
from tests.worlds import NOW_NS, fill, index_facts

_S = 10**9
_LADDER = thresholds_of(0.5, 0.9)
_SHORT = quantities(XYZC100D60=-8)
_GROSS = Limit(measure=LimitMeasure.GROSS_CONTRACTS, limit_hard=10.0, cool_down_s=30.0)


def _at(market, seconds):
    return replace(market, now_ns=market.now_ns + round(seconds * _S))


def _steps(held_and_seconds, limit=_GROSS):
    """The steps of one limit as the book changes in time."""
    memory, out = {}, []
    for contracts, seconds in held_and_seconds:
        book = measured(quantities(XYZC100D60=-contracts), market=_at(MARKET, seconds))
        found = check(book, (limit,), memory)
        memory = found.memory
        out.append(found.limits[0])
    return out


def test_thresholds_of_a_limit_start_from_the_ladder():
    """And lie between soft, critical and hard in its proportions."""
    assert _LADDER.tolist() == [0.5, 0.75, 0.9, 1.0]
    assert thresholds_of(0.2, 1.0).tolist() == [0.2, 0.7, 1.0, 1.0]
    assert steps_of(np.array([0.6]), thresholds_of(0.7, 0.8)).tolist() == [Step.NORMAL]


def test_soft_and_critical_shares_move_the_steps_of_a_limit():
    """8 of 10 contracts is an alert by the ladder, critical at 80 %."""
    for critical, expected in ((0.9, Step.ALERT), (0.8, Step.ESCALATE)):
        limit = Limit(measure=LimitMeasure.GROSS_CONTRACTS, limit_hard=10.0, critical_share=critical)
        assert check(measured(_SHORT), (limit,), {}).limits[0].step is expected


def test_the_response_to_a_step_that_was_left_stays_for_the_cool_down():
    """From ALERT up; to the nanosecond, and with the instant told."""
    alert, cooling, still, over = _steps([(8, 0), (2, 10), (2, 40 - 1e-9), (2, 40)])

    assert (alert.step, alert.cool_down_until_ns) == (Step.ALERT, 0)
    assert (cooling.step, cooling.cool_down_until_ns) == (Step.ALERT, MARKET.now_ns + 40 * _S)
    assert (still.step, over.step) == (Step.ALERT, Step.NORMAL)
    assert over.cool_down_until_ns == 0


def test_each_step_cools_down_by_itself():
    """HARD is left at 10 s, ALERT at 20 s: HARD until 40 s, ALERT until 50 s."""
    found = _steps([(12, 0), (8, 10), (2, 20), (2, 39), (2, 41), (2, 49), (2, 51)])

    assert [one.step.name for one in found] == ["HARD", "HARD", "HARD", "HARD", "ALERT", "ALERT", "NORMAL"]


def test_notify_does_not_cool_down():
    """It only tapers."""
    assert [one.step for one in _steps([(6, 0), (2, 1)])] == [Step.NOTIFY, Step.NORMAL]


def test_each_series_remembers_its_own_step():
    """One falls and cools down, the other never rose."""
    limit = Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=10.0, cool_down_s=30.0)
    first = check(measured(_SHORT), (limit,), {})
    later = measured(quantities(XYZC100D60=-1, XYZC110D60=1), market=_at(MARKET, 5))
    second = check(later, (limit,), first.memory)

    assert second.step[0, ROW["XYZC100D60"]] == Step.ALERT
    assert second.step[0, ROW["XYZC110D60"]] == Step.NORMAL
    assert second.limits[0].step is Step.ALERT


@given(
    used=st.lists(st.tuples(st.floats(0.0, 1.5), st.integers(0, 100)), min_size=1, max_size=20),
    cool_down=st.integers(0, 50),
)
def test_a_cool_down_only_ever_holds_a_step_longer(used, cool_down):
    """Never below what the ladder says without it, never above what was reached."""
    with_it, without, now, highest = no_memory(1), no_memory(1), 0, 0
    for utilisation, passed in used:
        now += passed
        one = np.array([utilisation])
        held, with_it = respond(with_it, one, _LADDER, np.array([cool_down]), now)
        plain, without = respond(without, one, _LADDER, np.array([0]), now)
        highest = max(highest, int(plain[0]))
        assert plain[0] <= held[0] <= highest


def test_a_limit_falls_toward_expiry_in_proportion_to_the_days_left():
    """XYZ's nearest expiry is 3 days away: 3/6 of the way from the factor at expiry, 0.4, to 1."""
    limit = Limit(
        measure=LimitMeasure.GROSS_CONTRACTS, underlying="XYZ", limit_hard=10.0, tighten_days=6.0,
        tighten_expiry_factor=0.4,
    )  # fmt: skip
    far = Limit(
        measure=LimitMeasure.GROSS_CONTRACTS, bucket="2m", limit_hard=10.0, tighten_days=6.0,
        tighten_expiry_factor=0.4,
    )  # fmt: skip
    near, whole = check(measured(_SHORT), (limit, far), {}).limits

    assert near.limit_hard == pytest.approx(7.0)
    assert near.utilisation == pytest.approx(8.0 / 7.0)
    assert near.tightened == ("3.0 days to the nearest expiry",)
    assert (whole.limit_hard, whole.tightened) == (10.0, ())


def test_a_limit_on_each_series_falls_with_the_expiry_of_each():
    """Six of the near series weigh more than eight of the far one."""
    limit = Limit(
        measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=10.0, tighten_days=6.0, tighten_expiry_factor=0.4
    )
    found = check(measured(quantities(XYZC100D60=-8, XYZC100D3=6)), (limit,), {})

    assert found.utilisation[0, ROW["XYZC100D60"]] == pytest.approx(0.8)
    assert found.utilisation[0, ROW["XYZC100D3"]] == pytest.approx(6.0 / 7.0)
    assert (found.limits[0].where, found.limits[0].value) == ("XYZC100D3", 6.0)
    assert found.limits[0].limit_hard == pytest.approx(7.0)
    assert found.buy_room[ROW["XYZC100D3"]] == pytest.approx(1.0)


def test_a_limit_is_tighter_before_an_announcement_and_no_more_once_it_was():
    """From the named hours on, up to the instant itself, on the underlying it moves alone."""
    limits = tuple(
        Limit(
            measure=LimitMeasure.GROSS_CONTRACTS, underlying=name, limit_hard=10.0, tighten_event_h=2.0,
            tighten_event_factor=0.5,
        )
        for name in ("XYZ", "ABC")
    )  # fmt: skip
    event = EventTerms(underlying="XYZ", name="CPI", at_ns=MARKET.now_ns + 7200 * _S, trading_days=1.0)

    def hard_after(seconds):
        book = measured(_SHORT, market=_at(MARKET, seconds), events=(event,))
        return [one.limit_hard for one in check(book, limits, {}).limits]

    assert hard_after(-1e-9) == [10.0, 10.0]
    assert hard_after(0.0) == [5.0, 10.0]
    assert hard_after(7200.0 - 1e-9) == [5.0, 10.0]
    assert hard_after(7200.0) == [10.0, 10.0]


def test_factors_multiply_and_tell_why():
    """A fast market within days of expiry."""
    limit = Limit(
        measure=LimitMeasure.GROSS_CONTRACTS, limit_hard=10.0, tighten_days=6.0, tighten_expiry_factor=0.4,
        tighten_fast_factor=0.5,
    )  # fmt: skip
    fast = InForce(fast_market={"ABC": "five sigma in ten seconds"})
    (found,) = check(measured(_SHORT), (limit,), {}, fast).limits

    assert found.limit_hard == pytest.approx(3.5)
    assert found.tightened == (
        "3.0 days to the nearest expiry",
        "fast market: five sigma in ten seconds",
    )


def _override(hard, seconds):
    return Override(
        limit_hard=hard, owner="cro", reason="expiry week", until_ns=MARKET.now_ns + round(seconds * _S)
    )


def test_an_override_holds_strictly_before_its_end():
    """And is told with owner, reason and end."""
    name = _GROSS.name
    inside, ended = (
        check(measured(_SHORT), (_GROSS,), {}, InForce(overrides={name: _override(20.0, seconds)})).limits[0]
        for seconds in (1e-9, 0.0)
    )

    assert (inside.limit_hard, inside.step) == (20.0, Step.NORMAL)
    assert (inside.override.owner, inside.override.reason) == ("cro", "expiry week")
    assert (ended.limit_hard, ended.step, ended.override) == (10.0, Step.ALERT, None)


def _cycle(*facts, at_s=0.0):
    """The last cycle of a short book whose limit is on gross contracts, and the state."""
    limit = Limit(measure=LimitMeasure.GROSS_CONTRACTS, limit_hard=100.0, tighten_fast_factor=0.5)
    state, cycle = State(), None
    fills = (fill(1, "IDXW030C5000", "sell", 95, 90.0),)
    due = CycleDue(received_ns=NOW_NS + round(at_s * _S), reason="test")
    for fact in (*index_facts(fills=fills, limits=(limit,), days=(30,))[:-1], *facts, due):
        cycle = step(state, decode(encode(fact)))
    return cycle, state


_MORE = LimitOverridden(
    received_ns=NOW_NS, limit="desk/gross_contracts", limit_hard=200.0, owner="cro", reason="roll",
    until_ns=NOW_NS + 60 * _S,
)  # fmt: skip


def test_overrides_and_fast_markets_are_events_of_the_journal():
    """They come back from their bytes and change the standing; an override ends by itself, or by another."""

    def hard(*facts, **more):
        return _cycle(*facts, **more)[0].standing.limits[0].limit_hard

    fast = FastMarketSet(received_ns=NOW_NS, underlying="IDX", on=True, reason="gap")
    calm = FastMarketSet(received_ns=NOW_NS, underlying="IDX", on=False, reason="calm")
    end = LimitOverridden(
        received_ns=NOW_NS, limit=_MORE.limit, limit_hard=1.0, owner="cro", reason="done", until_ns=NOW_NS
    )

    assert hard() == 100.0
    assert hard(_MORE) == 200.0
    assert hard(_MORE, at_s=60.0) == 100.0
    assert hard(_MORE, end) == 100.0
    assert hard(fast) == 50.0
    assert hard(_MORE, fast) == 100.0
    assert hard(fast, calm) == 100.0


def test_limits_set_anew_end_every_override():
    """What was excepted from the old limits is no exception from the new."""
    limit = Limit(measure=LimitMeasure.GROSS_CONTRACTS, limit_hard=100.0)
    again = LimitsSet(received_ns=NOW_NS, limits=(limit,), by="risk")

    assert _cycle(_MORE, again)[0].standing.limits[0].limit_hard == 100.0


def test_an_override_of_nothing_is_told():
    """With the limits there are."""
    with pytest.raises(FlatbookError, match="desk/gross_contracts"):
        _cycle(LimitOverridden(**{**_fields(_MORE), "limit": "desk/gross"}))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"limit_hard": 0.0}, "limit_hard must be above 0"),
        ({"limit_hard": float("nan")}, "limit_hard must be above 0"),
        ({"limit_hard": float("inf")}, "limit_hard must be above 0"),
        ({"owner": " "}, "needs an owner and a reason"),
        ({"reason": ""}, "needs an owner and a reason"),
    ],
)
def test_an_override_without_bound_owner_or_reason_is_refused(wrong, told):
    """Somebody answers for it."""
    with pytest.raises(InvalidValueError, match=told):
        LimitOverridden(**{**_fields(_MORE), **wrong})


def _fields(event):
    return {name: getattr(event, name) for name in event.__struct_fields__}
