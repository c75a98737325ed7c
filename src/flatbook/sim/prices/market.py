"""The market of a simulated day: its path is drawn at once, its moments are worked out when they are asked for."""

import numpy as np

from flatbook.model.facts import Fact
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.model.world_price_terms import PriceTerms
from flatbook.sim.moment import Moment
from flatbook.sim.prices import hedges as hedging
from flatbook.sim.prices.hedges import HedgePaths, hedge_paths
from flatbook.sim.prices.listing import listed
from flatbook.sim.prices.opening import opening_facts
from flatbook.sim.prices.path import Path, path_of
from flatbook.sim.prices.quotes import crowd_of, quotes_at
from flatbook.sim.prices.session import Session
from flatbook.sim.prices.surface import chain_of, worth_at

_KEPT = 2000  # moments that are kept once worked out


class SimulatedMarket:
    """A day that never was; `DayMarket` of `sim.moment`, with its whole path open to whoever may look ahead."""

    session: Session
    table: InstrumentTable
    at_ns: Ints
    path: Path
    hedges: HedgePaths

    def __init__(self, terms: PriceTerms, seed: int) -> None:
        self.terms, self.seed = terms, seed
        self.session = Session(terms)
        self.table = listed(self.session)
        self.at_ns = self.session.at_ns
        self.path = path_of(self.session, seed)
        self.hedges = hedge_paths(self.session, self.path, seed)
        self._chain = chain_of(self.session, self.table)
        self._crowd = crowd_of(self.session, self.table, seed)
        self._moments: dict[int, Moment] = {}

    @property
    def volume(self) -> Floats:
        """Volume of a minute at each moment over that of an average one, float64[n]."""
        return self.session.volume

    def opening(self) -> tuple[Fact, ...]:
        """What a desk is told before the open: listings, rates, sessions, history."""
        return opening_facts(self.session, self.table, self.seed)

    def moment(self, index: int) -> Moment:
        """The market at `at_ns[index]`; asked again, the same one."""
        found = self._moments.get(index)
        if found is None:
            found = self._worked_out(range(self.at_ns.size)[index])
            if len(self._moments) >= _KEPT:
                self._moments.pop(next(iter(self._moments)))
            self._moments[index] = found
        return found

    def spot_at(self, instant_ns: int) -> Floats:
        """Spot of each underlying at an instant, float64[U]: that of the last moment until then; NaN before the open and after the close."""
        if not self.at_ns[0] <= instant_ns <= self.at_ns[-1]:
            return np.full(self.path.spot.shape[1], np.nan)
        return np.asarray(self.path.spot[int(np.searchsorted(self.at_ns, instant_ns, side="right")) - 1])

    def settlement_price(self, row: int) -> float:
        """Price of its underlying at which an option that expires within the day settles; NaN where it expires later."""
        item = self.table.instruments[row]
        return float(self.spot_at(item.expiry_ns)[int(self.table.underlying_of[row])])

    def known_hedges(self) -> tuple[HedgeTerms, ...]:
        """What a desk that knows the truth of the open says of its hedge instruments."""
        return hedging.known_hedges(self.session, self.table)

    def basis_variance(self, first: int = 0, last: int = -1) -> Floats:
        """Predicted variance, over all seeds, of the log basis of each hedge between two moments, float64[H].

        A hedge of D USD of delta with -D / beta USD of it keeps D^2 / beta^2 times that.
        """
        n = self.at_ns.size
        return hedging.basis_variance(self.session, self.path, range(n)[first], range(n)[last])

    def step_basis_variances(self) -> Floats:
        """`basis_variance` from each moment to the next, float64[n - 1, H]."""
        return hedging.step_basis_variances(self.session, self.path)

    def spot_variance(self) -> Floats:
        """Told variance of each underlying's log return over the day, float64[U]: regimes and news included, pins and halts left out.

        Exact in expectation but for the drift squared, and for the square of what half the variance takes from the mean.
        """
        years = np.diff(self.session.passed) * self.session.variance_years
        out = []
        for u, one in enumerate(self.terms.underlyings):
            vol = one.smile.vol_near * one.realised_over_implied
            news = sum(
                event.deviation**2
                for event in self.terms.events
                if event.underlying in ("", one.symbol)
                and event.move is None
                and event.minute <= self.terms.session_minutes
            )
            out.append(vol**2 * float((self.path.scale[:-1, u] ** 2 * years).sum()) + news)
        return np.array(out)

    def _worked_out(self, index: int) -> Moment:
        worth = worth_at(self._chain, self.path, index)
        n = len(self.table.instruments)
        fair, vega = np.full(n, np.nan), np.zeros(n)
        fair[self._chain.rows] = worth.price
        vega[self._chain.rows] = np.where(worth.alive, worth.vega, 0.0)
        fair[self._crowd.hedge_rows] = self.hedges.price[index]
        quotes = quotes_at(self._crowd, self._chain, worth, self.hedges, self.path, index, fair)
        return Moment(
            at_ns=int(self.at_ns[index]),
            spot=self.path.spot[index].copy(),
            halted=self.path.halted[index].copy(),
            fair=fair,
            vega=vega,
            bid_ticks=quotes.bid_ticks,
            ask_ticks=quotes.ask_ticks,
            bid_size=quotes.bid_size,
            ask_size=quotes.ask_size,
        )


def simulated_market(terms: PriceTerms, seed: int) -> SimulatedMarket:
    """Draw a day.

    Parameters
    ----------
    terms : PriceTerms
    seed : int
        0 or above; the same terms and seed give the same bytes.

    Raises
    ------
    InvalidValueError
        Correlations that cannot hold together.
    """
    return SimulatedMarket(terms, seed)
