"""Days that several tests look at, made once."""

from functools import lru_cache
from pathlib import Path

from flatbook.model.events import Fill, QuotesSeen
from flatbook.model.instruments import Instrument
from flatbook.sim.listing import listed
from flatbook.sim.synthetic_day import SyntheticDay, synthetic_day

EXAMPLE = Path(__file__).parents[2] / "examples" / "synthetic-day"
SEED = 7
INSTRUMENTS: dict[str, Instrument] = {item.symbol: item for item in listed()}


@lru_cache(maxsize=4)
def day_of(seed: int) -> SyntheticDay:
    """The day of one seed."""
    return synthetic_day(seed)


def quotes_of(day: SyntheticDay) -> dict[str, tuple[int | None, int | None]]:
    """Bid and ask in ticks by symbol."""
    (seen,) = (event for event in day.events if isinstance(event, QuotesSeen))
    return {
        symbol: (bid, ask)
        for symbol, bid, ask in zip(seen.symbols, seen.bid_ticks, seen.ask_ticks, strict=True)
    }


def two_sided(day: SyntheticDay) -> dict[str, tuple[float, float]]:
    """Bid and ask in price units of the series with both, uncrossed."""
    return {
        symbol: (bid / 100.0, ask / 100.0)
        for symbol, (bid, ask) in quotes_of(day).items()
        if bid is not None and ask is not None and bid <= ask
    }


def trades_of(day: SyntheticDay) -> list[Fill]:
    """The fills that are no notices, each once."""
    return list({event.fill_id: event for event in day.fills if isinstance(event, Fill)}.values())
