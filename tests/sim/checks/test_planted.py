"""Each invariant has a bug that it finds: planted by hand, found within few seeds, and told with its own name."""

from itertools import count

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine import step as corridor
from flatbook.journal.store import Journal
from flatbook.limits import check
from flatbook.market import build
from flatbook.market.quotes import QuoteStatus
from flatbook.orders import gate, outbox
from flatbook.quoting import obligations
from flatbook.quoting import propose as quoting
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.checks.kinds import FAULT_KINDS
from flatbook.sim.checks.run import run_seed
from flatbook.sim.checks.violation import Invariant
from flatbook.sim.desk_side import commands_of
from flatbook.sim.exchange.ledger import Ledger
from flatbook.sim.feed_reader import FeedReader
from flatbook.sim.messages import Busted, NewOrder
from flatbook.sim.session import SessionReader
from flatbook.sim.trade_log import TradeLog

SEEDS = 25  # within which each bug is found


def found(seeds: int = SEEDS, *, first: int = 1, kinds: tuple[str, ...] = FAULT_KINDS) -> Invariant | None:
    """What the first seed that fails tells; `first` saves the days before it, which are known to pass."""
    for seed in range(first, first + seeds):
        failure = run_seed(seed, kinds=kinds).failure
        if failure is not None:
            return failure.invariant
    return None


def nothing(*_: object, **__: object) -> None:
    """A function that was forgotten."""


def test_a_fill_that_counts_each_time_it_is_told(monkeypatch):
    """Venues repeat themselves."""
    book_fill = corridor.book_fill

    def twice(book, row, fill):
        known = fill.fill_id in book.cases
        book_fill(book, row, replace(fill, fill_id=f"{fill.fill_id}/{fill.sequence}") if known else fill)

    monkeypatch.setattr(corridor, "book_fill", twice)
    assert found() is Invariant.POSITION


def test_a_bust_that_is_ignored(monkeypatch):
    """The trade stays in the book."""
    monkeypatch.setattr("flatbook.engine.lifecycle.bust_fill", nothing)
    assert found() is Invariant.POSITION


def test_a_correction_that_is_ignored(monkeypatch):
    """Its price is another, its contracts are the same."""
    monkeypatch.setattr("flatbook.engine.lifecycle.correct_fill", nothing)
    assert found() is Invariant.CASH


def test_an_exchange_that_keeps_the_fee_of_a_busted_trade(monkeypatch):
    """Its own count is looked at too."""
    bust = Ledger.bust

    def greedy(self, execution_id, now_ns):
        before = self.fees_paid
        report = bust(self, execution_id, now_ns)
        self.fees_paid = before
        return report

    monkeypatch.setattr(Ledger, "bust", greedy)
    assert found() is Invariant.CASH


def test_limits_that_are_read_a_thousand_times_as_wide(monkeypatch):
    """By quotes and the gate alike."""
    hold = check._hold

    def wide(measured, limit, scope, in_force):
        return hold(measured, replace(limit, limit_hard=1_000.0 * limit.limit_hard), scope, in_force)

    monkeypatch.setattr(check, "_hold", wide)
    assert found() in {Invariant.LIMITS, Invariant.KILL}


def test_a_gate_without_limits(monkeypatch):
    """Everything that a limit would cut or refuse leaves whole; quotes know of none, for they keep to limits by themselves."""

    def whole(shown, *rest):
        return np.where(np.stack((shown.bid, shown.ask)) == NO_PRICE, 0, rest[-2].size)

    monkeypatch.setattr(quoting, "sizes_of", whole)
    assert found(seeds=2) is None, "the gate alone keeps every limit"
    monkeypatch.setattr(
        "flatbook.orders.gate._fit", lambda batch, reason, _: (batch.quantity.copy(), reason * 0 - 1)
    )
    monkeypatch.setattr(
        "flatbook.orders.gate._adds_at_hard", lambda standing: (standing.unknown[0] & False,) * 2
    )
    assert found(first=6) in {Invariant.LIMITS, Invariant.KILL}


def test_a_gate_that_thinks_that_one_quote_fills_at_a_time(monkeypatch):
    """Each quote by itself is within the limit; all that a protection lets fill are not."""
    burst_rule = gate.burst_rule
    monkeypatch.setattr(gate, "burst_rule", lambda *args: burst_rule(*args[:-1], 1))
    assert found() is Invariant.BEYOND


def test_busts_that_the_account_forgets(monkeypatch):
    """Trades no longer add up to what is held."""
    see = TradeLog.see

    def forgetful(self, report, *rest):
        if not isinstance(report, Busted):
            see(self, report, *rest)

    monkeypatch.setattr(TradeLog, "see", forgetful)
    assert found() is Invariant.ACCOUNT


def test_a_kill_limit_that_kills_nobody(monkeypatch):
    """Quotes stand on though a limit is beyond its kill limit, to which a gate that counts too few fills lets it come."""
    burst_rule = gate.burst_rule
    monkeypatch.setattr(gate, "burst_rule", lambda *args: burst_rule(*args[:-1], 1))
    monkeypatch.setattr("flatbook.orders.outbox.latch_kill_limits", nothing)
    assert found(first=3) is Invariant.KILL


@pytest.mark.parametrize(("name", "first"), [("see_gap", 2), ("see_halt", 7)])
def test_doubt_and_halts_that_are_ignored(monkeypatch, name, first):
    """Quotes go on while a feed has a gap, and orders in a halt."""
    monkeypatch.setattr(f"flatbook.orders.outbox.{name}", nothing)
    assert found(first=first) is Invariant.FRESH


def test_a_silent_feed_that_nobody_notices(monkeypatch):
    """Nothing is lost, nothing is said, and the price grows old."""
    monkeypatch.setattr(FeedReader, "listen", lambda *_, **__: ())
    assert found(first=6) is Invariant.FRESH


def test_crossed_quotes_that_are_used(monkeypatch):
    """They make no volatility that anybody sees to be wrong."""
    sort_quotes = build.sort_quotes

    def trusting(*args, **named):
        status = sort_quotes(*args, **named)
        status[status == QuoteStatus.CROSSED] = QuoteStatus.USABLE
        return status

    monkeypatch.setattr(build, "sort_quotes", trusting)
    assert found(first=4) is Invariant.FRESH


def test_a_quote_without_a_value(monkeypatch):
    """As if whatever is listed were quoted."""

    def all_of_them(cycle):
        commands = commands_of(cycle)
        priced = cycle.table.is_option & np.isfinite(cycle.values.spot)
        none = [row for row in cycle.values.reasons if priced[row]]
        next_id = max((each.client_id for each in commands), default=0) + 1
        if none and cycle.outgoing is not None and commands:
            commands.append(
                NewOrder(client_id=next_id, row=none[0], side=1, price_ticks=5, quantity=1, is_quote=True)
            )
        return commands

    monkeypatch.setattr("flatbook.sim.desk_side.commands_of", all_of_them)
    assert found() is Invariant.FRESH


def test_a_duty_clock_that_runs_twice_as_fast(monkeypatch):
    """The desk believes to have quoted for longer than it has."""
    a_pass = obligations._pass

    def fast(duty, until_ns):
        before = duty.quoted_ns.copy()
        a_pass(duty, until_ns)
        duty.quoted_ns += duty.quoted_ns - before

    monkeypatch.setattr(obligations, "_pass", fast)
    assert found() is Invariant.DUTY


def test_a_decision_that_depends_on_what_no_fact_tells(monkeypatch):
    """A counter of the process; without kills, whose replay would already bring up other orders than the venue has."""
    sizes_of, calls = quoting.sizes_of, count()

    def odd(*args):
        return sizes_of(*args) if next(calls) % 7 else sizes_of(*args) // 2

    monkeypatch.setattr(quoting, "sizes_of", odd)
    assert found(kinds=()) is Invariant.REPLAY


def test_commits_that_are_skipped(monkeypatch):
    """From the twentieth on what was written is not made durable, and said to be."""
    commit, calls = Journal.commit, count(1)
    monkeypatch.setattr(Journal, "commit", lambda self: commit(self) if next(calls) < 20 else None)
    assert found() is Invariant.DURABLE


def test_a_restart_that_trusts_what_it_remembers(monkeypatch):
    """Nobody asks the venue, and orders leave at once."""
    monkeypatch.setattr("flatbook.orders.outbox.restart", nothing)
    monkeypatch.setattr("flatbook.orders.outbox.lose_venue", nothing)
    assert found() is Invariant.RECONCILED


def test_orders_that_are_taken_for_dead(monkeypatch):
    """Cancel-on-disconnect is trusted, and does not happen."""
    lose_venue = outbox.lose_venue

    def trusting(trading, orders, name, venue, *, standing):
        lose_venue(trading, orders, name, venue, standing=standing)
        outbox.end_orders(orders, orders.alive)

    monkeypatch.setattr(outbox, "lose_venue", trusting)
    assert found() is Invariant.RECONCILED


def test_executions_that_nobody_asks_for_again(monkeypatch):
    """What was lost stays lost."""
    monkeypatch.setattr(SessionReader, "resend_after", lambda *_: None)
    assert found() is Invariant.RECOVERED


def test_an_error_is_a_failure_too(monkeypatch):
    """With its place."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("flatbook.engine.lifecycle.correct_fill", broken)
    assert found() is Invariant.RUNS
