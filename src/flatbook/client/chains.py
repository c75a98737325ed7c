"""The chain of a class as a table whose columns end with their units, the currency among them."""

import polars as pl

from flatbook.client.pages import INSTANT, Page

_UNITS = {
    "position": "position_contracts",
    "theo": "theo_{}",
    "bid": "bid_{}",
    "ask": "ask_{}",
    "bid_size": "bid_contracts",
    "ask_size": "ask_contracts",
    "market_bid": "market_bid_{}",
    "market_ask": "market_ask_{}",
    "market_bid_size": "market_bid_contracts",
    "market_ask_size": "market_ask_contracts",
    "age_s": "age_s",
    "vol": "vol_annual",
    "vol_bid": "vol_bid_annual",
    "vol_ask": "vol_ask_annual",
    "lean": "lean_{}",
    "half_spread": "half_spread_{}",
    "delta": "delta_per_unit",
    "vega_usd": "vega_usd_per_point",
    "vega_quote": "price_vega_{}_per_point",
}
"""Prices, leans and half-spreads in the quote currency of the series; volatilities are annual decimals; delta is that of one unit of the
underlying; `vega_usd_per_point` is that of a contract, `price_vega` that of its price."""


def listed(page: Page) -> pl.DataFrame:
    """What is listed of a class: symbol, expiry, strike, right; in the order of the stream's columns."""
    expiries: pl.DataFrame = page.expiries
    number = [
        slice_ for slice_, count in expiries.select("slice", "series").iter_rows() for _ in range(count)
    ]
    return pl.DataFrame(
        {
            "symbol": pl.Series(page.symbols, dtype=pl.String),
            "expiry": pl.Series(number, dtype=pl.Int64),
            f"strike_{_currency(page)}": pl.Series(page.strikes, dtype=pl.Float64),
            "right": _rights(pl.Series(page.rights, dtype=pl.Int64)),
            "ticks_per_unit": pl.Series(page.ticks_per_unit, dtype=pl.Float64),
        }
    ).with_columns(
        pl.col("expiry")
        .replace_strict(expiries["slice"], expiries["expiry_utc"], return_dtype=INSTANT)
        .alias("expiry_utc")
    )


def chained(chain: Page, listing: Page) -> pl.DataFrame:
    """A chain with its units."""
    currency = _currency(listing)
    series: pl.DataFrame = chain.series
    expiries: pl.DataFrame = listing.expiries
    instants = pl.col("expiry").replace_strict(
        expiries["slice"], expiries["expiry_utc"], return_dtype=INSTANT
    )
    names = {"strike": f"strike_{currency}", "expiry": "expiry_utc"}
    names |= {name: unit.format(currency) for name, unit in _UNITS.items()}
    return series.with_columns(instants, _rights(series["right"])).rename(names, strict=False)


def _currency(listing: Page) -> str:
    return str(listing.currency).lower()


def _rights(signs: pl.Series) -> pl.Series:
    words = ["call" if sign > 0 else "put" for sign in signs.to_list()]
    return pl.Series(signs.name, words, dtype=pl.String)
