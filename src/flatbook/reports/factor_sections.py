"""The deviation of the book by factor, before and after the hedges: from the rooms' columns to rows of the report."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Measurement
from flatbook.exposure.factor_covariance import BookRisk, book_risk
from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.exposure.factors import (
    BASIS,
    CURVATURES,
    DIVIDEND_YIELD,
    GAMMA,
    GAP_DOWN,
    GAP_UP,
    LEVELS,
    RATE,
    SKEWS,
    SPOT,
    Factors,
    tenor_weighted,
)
from flatbook.model.measures import CALENDAR_DAYS, VEGA_REFERENCE_DAYS
from flatbook.model.table import Bools, Floats, Ints
from flatbook.reports.columns import NOTHING_VALUED, Columns
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import tally
from flatbook.reports.risk_sections import first_largest
from flatbook.reports.schema_parts import Number
from flatbook.reports.schema_risk import (
    FactorRisk,
    FactorRow,
    KindRow,
    SmileRow,
    SmileVega,
    UnderlyingFactors,
)

_KINDS = (
    ("spot", slice(SPOT, SPOT + 1)),
    ("gap_down", slice(GAP_DOWN, GAP_DOWN + 1)),
    ("gap_up", slice(GAP_UP, GAP_UP + 1)),
    ("gamma", slice(GAMMA, GAMMA + 1)),
    ("level", LEVELS),
    ("skew", SKEWS),
    ("curvature", CURVATURES),
    ("rate", slice(RATE, RATE + 1)),
    ("dividend_yield", slice(DIVIDEND_YIELD, DIVIDEND_YIELD + 1)),
    ("basis", slice(BASIS, None)),
)
_UNITS = (  # how the name of a factor ends, and what that means
    ("_usd_per_point", "USD per vol point"),
    ("_usd_per_jump", "USD per jump"),
    ("_usd_per_variance", "USD per unit of variance"),
    ("_usd_per_bp", "USD per basis point"),
    ("_usd", "USD"),
)
_CONFIGURED = "configured, not estimated"
_PARTLY = "the covariance, or a part of it that the book is exposed to, is configured, not estimated"
_FLAT = "the book has no deviation"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """One book by factor, of what has a value: U underlyings, K kinds."""

    exposure: Floats  # float64[U, K]; NaN where nothing that is exposed has a value
    unvalued: Floats  # float64[U, K] contracts
    contribution: Floats  # float64[U, K] USD; NaN where the exposure is
    risk: BookRisk  # of what has a value
    whole: BookRisk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the tables of factors are made of."""

    cycle: Cycle
    before: _Book
    after: _Book
    deviation: Floats  # float64[U, K] of each factor
    error: Floats
    samples: Floats
    covariance_reason: str  # why contributions are not known
    missing: Missing

    def parts(self, at: Bools, path: str, why: str) -> dict[str, Number]:
        """Contribution and share of some factors, before and after.

        Parameters
        ----------
        at : bool[U, K]
            Which factors.
        path : str
            Of the row.
        why : str
            A contribution is not known.
        """
        out: dict[str, Number] = {}
        for book, ending in ((self.before, ""), (self.after, "_after")):
            usd, deviation = book.contribution[at], book.risk.deviation_usd
            known = usd[np.isfinite(usd)]
            made = float(known.sum()) if known.size or not usd.size else np.nan
            share = made / deviation if deviation > 0.0 else np.nan
            flat = np.isfinite(made) and deviation == 0.0
            reason = _FLAT if flat else why if np.isfinite(deviation) else self.covariance_reason
            out[f"contribution{ending}_usd"] = self.missing.number(made, path, reason)
            out[f"share{ending}"] = self.missing.number(share, path, reason)
        return out

    def only(self, kinds: slice, underlying: int | None = None) -> Bools:
        """Some kinds of factor of an underlying, or of all, bool[U, K]."""
        out = np.zeros(self.deviation.shape, dtype=np.bool_)
        out[slice(None) if underlying is None else underlying, kinds] = True
        return out


def _book(cycle: Cycle, one: Measurement) -> _Book:
    of, whole = one.factors, not one.factors.unvalued.any()
    risk = one.risk if whole else book_risk(of.known.reshape(-1), cycle.basis.covariance)
    unknown = (of.unvalued > 0.0) & ~_any_told(cycle, one.quantity)
    return _Book(
        exposure=np.where(unknown, np.nan, of.known),
        unvalued=of.unvalued,
        contribution=np.where(unknown, np.nan, risk.by_factor_usd.reshape(of.known.shape)),
        risk=risk,
        whole=one.risk,
    )


def _any_told(cycle: Cycle, quantity: Ints) -> Bools:
    """Something held that can be exposed to a factor has a known exposure to it, bool[U, K]."""
    of, held = cycle.basis.factors, np.flatnonzero(quantity)
    per = of.e[held]
    told = np.isfinite(per) & (cycle.table.is_option[held, None] | (per != 0.0))
    out = np.zeros((len(of.underlyings), per.shape[1]), dtype=np.bool_)
    np.logical_or.at(out, of.underlying_of[held], told)
    return out


def factors_of(cycle: Cycle, columns: Columns, missing: Missing) -> FactorRisk:
    """The deviation of the book and what each factor has in it, before and after the proposed hedges."""
    covariance, names = cycle.basis.covariance, cycle.table.underlyings
    before, after = _book(cycle, cycle.held), _book(cycle, cycle.residual)
    shape = before.exposure.shape
    deviation = np.sqrt(np.diag(covariance.matrix)).reshape(shape)
    of_variance = np.diag(covariance.standard_error).reshape(shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = of_variance / (2.0 * deviation)
    exposed = ((before.exposure != 0.0) | (after.exposure != 0.0)).any(axis=1)
    blind = [names[u] for u in np.flatnonzero(exposed & ~np.isfinite(deviation).all(axis=1)).tolist()]
    told = _Told(
        cycle=cycle,
        before=before,
        after=after,
        deviation=deviation,
        error=error,
        samples=covariance.effective_samples.reshape(shape),
        covariance_reason=f"no volatility is known of {', '.join(blind[:5])}{' …' if len(blind) > 5 else ''}",
        missing=missing,
    )
    rows = [_underlying(told, columns, u) for u in np.flatnonzero(exposed).tolist()]
    why = _why_of(cycle, None)
    kinds = [
        KindRow(factor=kind, **told.parts(told.only(at), f"factors.by_kind[{kind}]", why))
        for kind, at in _KINDS
    ]
    return FactorRisk(
        over_days=cycle.desk.appetite.holding_days,
        covariance_source=covariance.source,
        unverified=UNVERIFIED in covariance.source,
        **_deviations(told),
        by_kind=tuple(sorted(kinds, key=lambda row: first_largest(row.contribution_usd, row.factor))),
        by_underlying=tuple(
            sorted(rows, key=lambda row: first_largest(row.contribution_usd, row.underlying))
        ),
    )


def _deviations(told: _Told) -> dict[str, Number]:
    """Of the whole book, and of what has a value, before and after."""
    out: dict[str, Number] = {}
    for book, ending in ((told.before, ""), (told.after, "_after")):
        incomplete = _why_of(told.cycle, None) if book.unvalued.any() else told.covariance_reason
        no_error = _PARTLY if np.isfinite(book.whole.deviation_usd) else incomplete
        figures = (
            (f"deviation{ending}_usd", book.whole.deviation_usd, incomplete),
            (f"deviation{ending}_error_usd", book.whole.deviation_error_usd, no_error),
            (f"deviation_valued{ending}_usd", book.risk.deviation_usd, told.covariance_reason),
        )
        out |= {name: told.missing.number(value, f"factors.{name}", why) for name, value, why in figures}
    return out


def _why_of(cycle: Cycle, underlying: int | None) -> str:
    """Why some exposures of an underlying, or of the desk, are not known: the first reason, and how many series more."""
    reasons, of = cycle.held.factors.reasons, cycle.table.underlying_of
    mine = [row for row in sorted(reasons) if underlying is None or of[row] == underlying]
    if not mine:
        return NOTHING_VALUED
    more = f"; {tally(len(mine) - 1, 'more held series', 'more held series')}" if len(mine) > 1 else ""
    return f"{cycle.table.instruments[mine[0]].symbol}: {reasons[mine[0]]}{more}"


def _underlying(told: _Told, columns: Columns, u: int) -> UnderlyingFactors:
    cycle, name, why = told.cycle, told.cycle.table.underlyings[u], _why_of(told.cycle, u)
    path, exposure = f"factors.by_underlying[{name}]", told.before.exposure[u : u + 1]
    last = BASIS + len(cycle.basis.factors.proxies[u])
    kinds = np.flatnonzero((exposure[0, :last] != 0.0) | (told.after.exposure[u, :last] != 0.0))
    if np.isnan(exposure[0, :last]).all():
        told.missing.note(path, why)
        told, kinds = replace(told, missing=Missing()), kinds[:0]
    exponent = np.array([cycle.values.dynamics[u].tenor_exponent])
    weighted = [
        tenor_weighted(exposure, kind, exponent, VEGA_REFERENCE_DAYS / CALENDAR_DAYS).item()
        for kind in (LEVELS, SKEWS, CURVATURES)
    ]
    return UnderlyingFactors(
        underlying=name,
        **told.parts(told.only(slice(None), u), path, why),
        rows=tuple(_factor(told, u, kind, path, why) for kind in kinds.tolist()),
        weighted=_smile_vega(weighted, f"{path}.weighted", why, told.missing),
        smile=tuple(_smile_rows(cycle, columns, u, f"{path}.smile", told.missing)),
    )


def name_and_unit(of: Factors, u: int, kind: int) -> tuple[str, str]:
    """What a factor is called beside its underlying, and the unit of its exposure."""
    full = of.name(u, kind).removeprefix(f"{of.underlyings[u]}/")
    ending, unit = next(each for each in _UNITS if full.endswith(each[0]))
    return full.removesuffix(ending), unit


def _factor(told: _Told, u: int, kind: int, path: str, why: str) -> FactorRow:
    of, missing = told.cycle.basis.factors, told.missing
    name, unit = name_and_unit(of, u, kind)
    path = f"{path}.rows[{name}]"
    no_error = _CONFIGURED if told.samples[u, kind] == 0.0 else told.covariance_reason
    return FactorRow(
        factor=name,
        unit=unit,
        exposure=missing.number(float(told.before.exposure[u, kind]), path, why),
        exposure_after=missing.number(float(told.after.exposure[u, kind]), path, why),
        unvalued_contracts=int(told.before.unvalued[u, kind]),
        factor_deviation=missing.number(
            float(told.deviation[u, kind]), f"{path}.factor_deviation", told.covariance_reason
        ),
        factor_deviation_error=missing.number(
            float(told.error[u, kind]),
            "factors.by_underlying[*].rows[*].factor_deviation_error",
            no_error,
        ),
        effective_samples=float(told.samples[u, kind]),
        **told.parts(told.only(slice(kind, kind + 1), u), path, why),
    )


def _smile_vega(values: list[float], path: str, why: str, missing: Missing) -> SmileVega:
    names = SmileVega.__struct_fields__
    return SmileVega(
        **{
            name: missing.number(value, f"{path}.{name}", why)
            for name, value in zip(names, values, strict=True)
        }
    )


def _smile_rows(cycle: Cycle, columns: Columns, u: int, path: str, missing: Missing) -> Iterable[SmileRow]:
    """Held options of each class and expiry of an underlying."""
    table, of, quantity = cycle.table, cycle.basis.factors, cycle.book.quantity
    options = columns.held[table.is_option[columns.held]]
    mine = options[table.underlying_of[options] == u]
    for s in np.unique(table.slice_of[mine]).tolist():
        rows = mine[table.slice_of[mine] == s]
        per, contracts = of.by_expiry[rows], quantity[rows].astype(np.float64)
        told = np.isfinite(per)
        sums = np.where(told.any(axis=0), (np.where(told, per, 0.0) * contracts[:, None]).sum(axis=0), np.nan)
        key, expiry = table.slices[s], columns.expiry_of_slice[s]
        why = next((of.reasons[row] for row in rows.tolist() if row in of.reasons), NOTHING_VALUED)
        yield SmileRow(
            option_class=key.option_class,
            expiry=expiry,
            days=columns.days_of_slice[s],
            vega=_smile_vega(sums.tolist(), f"{path}[{key.option_class} {expiry}].vega", why, missing),
            unvalued_contracts=int(_unknown(contracts, told)),
        )


def _unknown(contracts: Floats, told: Floats) -> float:
    return float(np.abs(contracts[~told.all(axis=1)]).sum())
