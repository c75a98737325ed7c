"""The kinds of faults of a tested day: how each is switched off, and how often each happened."""

from msgspec.structs import replace

from flatbook.model.world_fault_terms import FaultTerms
from flatbook.sim.day import Day
from flatbook.sim.messages import Busted, Corrected

_TERMS = {  # what makes a kind happen; without it there is none of it
    "feed_gap": "feed_gaps_per_day",
    "stale_feed": "stale_feeds_per_day",
    "stale_series": "stale_series_per_day",
    "frozen_price": "frozen_prices_per_day",
    "feed_lost": "feed_lost_share",
    "feed_repeated": "feed_repeated_share",
    "feed_reordered": "feed_reordered_share",
    "feed_crossed": "feed_crossed_share",
    "command_lost": "commands_lost_share",
    "command_repeated": "commands_repeated_share",
    "command_reordered": "commands_reordered_share",
    "late_cancel": "late_cancels_share",
    "reject": "rejects_share",
    "report_lost": "reports_lost_share",
    "answer_lost": "answers_lost_share",
    "report_repeated": "reports_repeated_share",
    "report_reordered": "reports_reordered_share",
    "disconnect": "disconnects_per_day",
    "hedge_closed": "hedge_closed_from_minute",
    "clock_jump": "clock_jumps_per_day",
    "slow_decision": "slow_decisions_share",
    "kill": "kills_per_day",
    "torn_record": "torn_records_share",
    "full_disk": "full_disks_per_day",
    "bust": "busts_per_day",
    "correction": "corrections_per_day",
}
FAULT_KINDS = tuple(_TERMS)


def only(terms: FaultTerms, kinds: tuple[str, ...]) -> FaultTerms:
    """The same faults, of these kinds alone."""
    off = FaultTerms()
    names = [_TERMS[kind] for kind in FAULT_KINDS if kind not in kinds]
    return replace(terms, **{name: getattr(off, name) for name in names})


def happened_kinds(day: Day, *, crossed: int, rejected: int) -> dict[str, int]:
    """How often each kind happened to the end of a day; of what lasts, how often it began.

    Parameters
    ----------
    day : Day
    crossed, rejected : int
        Quotes that reached the desk crossed, and orders of which it was told that they were refused for no reason.
    """
    plan, wire, lines = day.plan, day.wire, day.feed.lines
    windows = {
        "feed_gap": plan.feed_gaps,
        "stale_feed": plan.stale_feeds,
        "stale_series": plan.stale_series,
        "frozen_price": plan.frozen_prices,
        "disconnect": plan.disconnects,
        "hedge_closed": plan.hedge_closed,
        "clock_jump": plan.clock_errors,
    }
    changes = [type(each) for each in wire.record]
    storage = day.storage
    return {kind: sum(each.from_ns <= day.now_ns for each in some) for kind, some in windows.items()} | {
        "feed_lost": sum(line.lost for line in lines),
        "feed_repeated": sum(line.repeated for line in lines),
        "feed_reordered": sum(line.reordered for line in lines),
        "feed_crossed": crossed,
        "command_lost": wire.there.lost,
        "command_repeated": wire.there.repeated,
        "command_reordered": wire.there.reordered,
        "late_cancel": wire.late_cancels,
        "reject": rejected,
        "report_lost": wire.back.lost,
        "answer_lost": wire.answers_lost,
        "report_repeated": wire.back.repeated,
        "report_reordered": wire.back.reordered,
        "slow_decision": wire.slow_decisions,
        "kill": 0 if storage is None else storage.kills,
        "torn_record": 0 if storage is None else storage.torn,
        "full_disk": 0 if storage is None else storage.refusals,
        "bust": changes.count(Busted),
        "correction": changes.count(Corrected),
    }
