"""Desks of one class for ticks: real chains of SPX and GOOG where their files are, a made-up index chain otherwise."""

import os
from pathlib import Path

import numpy as np
from tests.worlds import NOW_NS, desk, index_chain, share

from flatbook.adapters.files.market import read_market
from flatbook.cli.times import parse_at
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    Fill,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Side, TickBand
from flatbook.model.parameters import Limit, LimitMeasure, QuotingRules, UnderlyingTerms

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
SPX_DAY = "spx-cboe-eod-2019/SPX_20190509.csv"
GOOG_DAY = "lean-goog-20151224-minute"
GOOG_AT = "2015-12-24T11:00-05:00"
LIMITS = (
    Limit(measure=LimitMeasure.DELTA_USD, limit_hard=5e8),
    Limit(measure=LimitMeasure.GAMMA_USD_PER_PCT, limit_hard=1e8),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=1e7),
    Limit(measure=LimitMeasure.THETA_USD_PER_DAY, limit_hard=1e7),
    Limit(measure=LimitMeasure.GAP_LOSS_USD, limit_hard=5e8),
    Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, bucket="1m", limit_hard=1e7),
    Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=10_000.0),
)


class TickWorld:
    """A state that has decided one cycle, and every fact that it was told."""

    def __init__(
        self, events, hedge, *, spread, underlying, contracts=3, terms=None, limits=LIMITS, seed=1, **more
    ):
        self.state, self.facts, self.name = State(), [], underlying
        events = tuple(events)
        self.now_ns = max(event.received_ns for event in events)
        terms = terms or UnderlyingTerms(symbol=underlying, rate=0.02)
        rules = QuotingRules(half_spread_vol_points=0.3, half_spread_min=0.05, inventory_full_contracts=200)
        the_desk = desk(
            hedges=(HedgeTerms(instrument=hedge, spread=spread, fee_per_contract=0.5),),
            underlyings=(terms,), aversion=more.pop("aversion", 1e-8), quoting=more.pop("rules", rules),
        )  # fmt: skip
        for event in events:
            if isinstance(event, InstrumentsListed):
                self.take(event)
        self.tell(DeskSet, desk=the_desk, by="test")
        self.tell(LimitsSet, limits=limits, by="test")
        for event in events:
            if not isinstance(event, InstrumentsListed):
                self.take(event)
        self.quoted = sorted({symbol for e in events if isinstance(e, QuotesSeen) for symbol in e.symbols})
        self._trade(contracts, np.random.default_rng(seed))
        self.cycle = self.due(refit=True)

    def _trade(self, contracts, chance):
        """As many sold as bought, a fifth of the series."""
        chosen = chance.choice(len(self.quoted), size=len(self.quoted) // 5, replace=False).tolist()
        for number, at in enumerate(chosen):
            self.tell(
                Fill, fill_id=f"F{number}", instrument=self.quoted[at], side=Side.BUY if number % 2 else Side.SELL,
                quantity=contracts, price_ticks=100, traded_ns=self.now_ns,
            )  # fmt: skip

    def take(self, event):
        """One fact, with the next number."""
        return self.tell(type(event), **{name: getattr(event, name) for name in event.__struct_fields__})

    def tell(self, kind, **fields):
        """A fact of this instant."""
        fields = {"received_ns": self.now_ns} | fields | {"sequence": len(self.facts) + 1}
        self.facts.append(kind(**fields))
        return step(self.state, self.facts[-1])

    def price(self, price, *, seconds=0.05):
        """The underlying trades, a moment later."""
        self.now_ns += round(seconds * 1e9)
        self.tell(UnderlyingQuoted, underlying=self.name, price=float(price))

    def due(self, *, refit=False):
        """A cycle."""
        return self.tell(CycleDue, reason="test", refit=refit)

    @property
    def series(self):
        """How many options are listed."""
        return int(self.state.table.is_option.sum())


def _only(events, kept):
    """The events with those series alone."""
    for event in events:
        if isinstance(event, InstrumentsListed):
            listed = tuple(one for one in event.instruments if one.symbol in kept)
            yield InstrumentsListed(received_ns=event.received_ns, instruments=listed)
        elif isinstance(event, QuotesSeen):
            at = [n for n, symbol in enumerate(event.symbols) if symbol in kept]
            columns = {
                name: tuple(column[n] for n in at)
                for name in ("symbols", "bid_ticks", "ask_ticks", "bid_sizes", "ask_sizes")
                if (column := getattr(event, name))
            }
            yield QuotesSeen(received_ns=event.received_ns, source_ns=event.source_ns, **columns)
        else:
            yield event


def _two_sided(events):
    return {
        symbol
        for event in events
        if isinstance(event, QuotesSeen)
        for symbol, bid, ask in zip(event.symbols, event.bid_ticks, event.ask_ticks, strict=True)
        if bid and ask and bid > 0
    }


def spx_world(series=2000, **more):
    """SPX at a close of 2019 with so many series, the nearest expiries that live, and an ES future as hedge."""
    events = read_market(DATA / SPX_DAY, underlying="SPX").events
    listed = [one for event in events if isinstance(event, InstrumentsListed) for one in event.instruments]
    now_ns = max(event.received_ns for event in events)
    two_sided = _two_sided(events)
    alive = [one for one in listed if one.symbol in two_sided and one.expiry_ns > now_ns + 2 * 86_400 * 10**9]
    alive.sort(key=lambda one: (one.expiry_ns, one.strike, one.symbol))
    kept = {one.symbol for one in alive[:series]}
    hedge = Instrument(
        symbol="ESM19", underlying="SPX", kind=Kind.FUTURE, multiplier=50.0, currency="USD", ticks_per_unit=100,
        tick_table=(TickBand(0, 25),),
    )  # fmt: skip
    return TickWorld(_only(events, kept), hedge, spread=0.25, underlying="SPX", **more)


def goog_world(**more):
    """GOOG on the morning of 2015-12-24, American, with the share as hedge."""
    events = read_market(DATA / GOOG_DAY, at_ns=parse_at(GOOG_AT), underlying="GOOG").events
    hedge = share("GOOG", underlying="GOOG")
    terms = UnderlyingTerms(symbol="GOOG", rate=0.004)
    return TickWorld(
        events, hedge, spread=0.1, underlying="GOOG", terms=more.pop("terms", terms), aversion=1e-7, **more
    )


def made_up_world(days=(3, 7, 14, 30, 60, 90), width=0.1, **more):
    """An index chain like that of SPX."""
    listed, bids, asks = index_chain(days=days, width=width)
    symbols = tuple(one.symbol for one in listed)
    ticks = [
        tuple(round(price * 100) for price in np.maximum(column, 0.05).tolist()) for column in (bids, asks)
    ]
    events = (
        InstrumentsListed(received_ns=NOW_NS, instruments=listed),
        UnderlyingQuoted(received_ns=NOW_NS, underlying="IDX", price=5000.0),
        QuotesSeen(received_ns=NOW_NS, symbols=symbols, bid_ticks=ticks[0], ask_ticks=ticks[1]),
    )
    hedge = share("IDXF", underlying="IDX", multiplier=50.0)
    return TickWorld(events, hedge, spread=0.25, underlying="IDX", **more)
