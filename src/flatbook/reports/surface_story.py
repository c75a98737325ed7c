"""A surface in sentences: how well it fits, whether it can be arbitraged, what was refused, what the market says of itself."""

from collections.abc import Iterable

from flatbook.reports.numbers import day, percent, plain, tally
from flatbook.reports.surface_schema import ExpiryFit, SurfaceFit, WorstQuote

_NAMED = 6  # expiries named in a sentence before the rest is counted


def headline_of(surfaces: tuple[SurfaceFit, ...]) -> str:
    """All surfaces in one line."""
    if not any(one.points for one in surfaces):
        return "No surface: no quote tells a volatility."
    return "; ".join(_headline(one) for one in surfaces)


def _headline(one: SurfaceFit) -> str:
    if not one.points:
        return f"{one.underlying}: no surface"
    return (
        f"{one.underlying}: {tally(one.points, 'quote')} of {tally(len(one.expiries), 'expiry', 'expiries')}, "
        f"{percent(one.share_within_half_spread, 1)} within half a spread, "
        f"median RMSE {plain(one.rmse_vol_points, 2)} vol points, {safety(one)}"
    )


def safety(one: SurfaceFit) -> str:
    """Whether prices off the surface can be arbitraged."""
    butterfly, calendar = violations(one)
    if not (butterfly or calendar):
        return "no arbitrage"
    return f"ARBITRAGE: {tally(butterfly, 'butterfly', 'butterflies')}, {tally(calendar, 'calendar spread')}"


def violations(one: SurfaceFit) -> tuple[int, int]:
    """Expiries with butterfly arbitrage, and with calendar arbitrage against the one before."""
    return (
        sum(each.butterfly_min is not None and each.butterfly_min < 0.0 for each in one.expiries),
        sum(each.calendar_gap_min is not None and each.calendar_gap_min < 0.0 for each in one.expiries),
    )


def sentences_of(surfaces: tuple[SurfaceFit, ...]) -> tuple[str, ...]:
    """What a trader should hear before looking at the smiles."""
    return tuple(sentence for one in surfaces for sentence in _sentences(one))


def _sentences(one: SurfaceFit) -> Iterable[str]:
    if one.worst is not None:
        yield f"{one.underlying}: worst fit {worst_text(one.worst)}."
    refused = [each for each in one.expiries if each.kind == "refused"]
    for reason in dict.fromkeys(each.reason for each in refused):
        mine = [each for each in refused if each.reason == reason]
        yield f"{one.underlying}: {_named(mine)} refused: {reason or 'unknown'}."
    warnings = [each for each in one.expiries if each.warning and each.kind != "refused"]
    for warning in dict.fromkeys(each.warning for each in warnings):
        mine = [each for each in warnings if each.warning == warning]
        yield f"{one.underlying}: {_named(mine)}: {warning}."
    left_out = [use for use in one.uses if use.use not in ("fitted", "other_side")]
    if left_out:
        listed = ", ".join(f"{use.series:,d} {use.text}" for use in left_out)
        yield f"{one.underlying}: {tally(sum(use.series for use in left_out), 'series', 'series')} not used: {listed}."


def worst_text(worst: WorstQuote) -> str:
    """The worst quote with its numbers."""
    return (
        f"{worst.symbol}: {percent(worst.vol, 1)} against {percent(worst.vol_bid, 1)} / "
        f"{percent(worst.vol_ask, 1)}"
    )


def _named(expiries: list[ExpiryFit]) -> str:
    names = [f"{each.option_class} {day(each.expiry)}" for each in expiries]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
