"""Whole days with every fault: none of these seeds fails, and between them every kind of fault happens."""

from collections import Counter

import pytest

from flatbook.model.world_fault_terms import FaultTerms
from flatbook.sim.checks.days import draw_day
from flatbook.sim.checks.kinds import FAULT_KINDS, only
from flatbook.sim.checks.run import run_seed

GROUPS, EACH = 10, 5


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_day_fails(group):
    """Told with the command that shows it again."""
    for seed in range(1 + group * EACH, 1 + (group + 1) * EACH):
        outcome = run_seed(seed)
        assert outcome.failure is None, f"{outcome.failure.command}: {outcome.failure}"
        assert outcome.events > 100
        assert outcome.decisions > 5


def test_the_same_seed_gives_the_same_day():
    """To the last count."""
    first = run_seed(3)
    assert run_seed(3) == first
    assert first.trades > 0


def test_a_day_without_faults_has_none():
    """And its duty is compared from the open on."""
    outcome = run_seed(25, kinds=())
    assert outcome.failure is None, outcome.failure
    assert not Counter(outcome.happened).total()
    assert outcome.compared_s > 900.0


def test_kinds_of_faults_are_told_apart():
    """One kind alone leaves every other off."""
    faults = draw_day(1).stage.scenario.faults
    assert only(faults, FAULT_KINDS) == faults
    alone = only(faults, ("bust",))
    assert alone.busts_per_day > 0.0
    off = FaultTerms()
    for name in FaultTerms.__struct_fields__:
        if name.endswith(("_per_day", "_share")) and name not in ("busts_per_day", *_SPLITS):
            assert getattr(alone, name) == getattr(off, name), name


_SPLITS = ("feed_gap_all_share", "cancel_on_disconnect_share")  # of a kind, not a kind
