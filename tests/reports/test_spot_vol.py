"""The plan report tells configured and learned dynamics side by side, with errors, and nothing before enough was seen."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import CycleDue
from flatbook.model.parameters import UnderlyingTerms
from flatbook.reports.plan import plan_report
from flatbook.reports.schema import Sources
from tests.market.tape import HOUR, Tape
from tests.worlds import NOW_NS, index_desk, index_facts, smile

_TERMS = UnderlyingTerms(
    symbol="IDX", stickiness_days=(14.0, 60.0), stickiness=(1.0, 1.0), spot_vol_beta=-0.5
)


def _ran(hours, *, use):
    """The last cycle of a desk that met hours of quotes whose volatility follows spot at a ratio of 1.6; seed 4."""
    the_desk = replace(index_desk(), underlyings=(replace(_TERMS, spot_vol_estimate=use),))
    state, random, log_return = State(), np.random.default_rng(4), 0.0
    for fact in index_facts(the_desk=the_desk)[:-1]:
        step(state, fact)
    cycle = step(state, CycleDue(received_ns=NOW_NS, reason="first"))
    for hour in range(1, hours + 1):
        log_return += 0.006 * random.standard_normal()
        now_ns, spot = NOW_NS + hour * HOUR, 5000.0 * float(np.exp(log_return))
        for fact in Tape().facts(
            now_ns, spot=spot, vol=lambda k, t, x=log_return: smile(k, t) - 0.16 / np.sqrt(t) * x
        ):
            step(state, fact)
        cycle = step(state, CycleDue(received_ns=now_ns, reason="hour"))
    return cycle


def _row(cycle):
    report = plan_report(cycle, sources=Sources())
    (row,) = [one for one in report.market_health.spot_vol if one.underlying == "IDX"]
    return row, {reason.path for reason in report.reasons}


def test_before_anything_was_seen_estimates_are_null_with_reasons():
    row, reasons = _row(_ran(0, use=True))

    assert row.estimate_used
    assert [one.stickiness for one in row.tenors] == [1.0, 1.0]
    assert [one.stickiness_estimate for one in row.tenors] == [None, None]
    assert row.beta == -0.5
    assert row.beta_estimate is None
    assert "market_health.spot_vol[IDX].tenors[14d].stickiness_estimate" in reasons
    assert "market_health.spot_vol[IDX].beta_estimate" in reasons


@pytest.mark.parametrize("use", [False, True])
def test_what_was_learned_stands_beside_what_is_configured(use):
    """Sixteen hours: the report tells 1.6 either way, and values follow it only where the desk says so."""
    cycle = _ran(16, use=use)
    row, _ = _row(cycle)

    assert row.estimate_used is use
    assert [one.stickiness_estimate for one in row.tenors] == pytest.approx([1.6, 1.6], abs=0.1)
    assert all(0.0 < one.stickiness_error < 0.2 for one in row.tenors)
    assert all(one.moves_seen > 4.0 for one in row.tenors)
    assert row.beta_estimate < -0.4
    assert cycle.values.dynamics[0].stickiness == pytest.approx(
        [one.stickiness_estimate if use else 1.0 for one in row.tenors]
    )
