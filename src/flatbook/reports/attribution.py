"""What a book's P&L came from, step by step through several marks: identity, explain, waterfall, and what nothing explains.

Positions held through a step are explained by Greeks and revalued block by block; trades of the step enter whole, as edge and what
they made until its end. All three tell the same realised P&L.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.exposure.explain import Explained, Term, explain
from flatbook.exposure.hybrid import Block
from flatbook.exposure.marks import Mark
from flatbook.exposure.reference_vol import reference_vols
from flatbook.exposure.waterfall import Waterfall, waterfall
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.table import Bools, Floats, InstrumentTable
from flatbook.reports.attribution_schema import (
    AttributionHeader,
    AttributionReport,
    AttributionSources,
    BlocksOf,
    ChainLeftOut,
    ExplainOf,
    IdentityOf,
    ScopeAttribution,
    SeriesLeftOut,
    SeriesResidual,
    StepAttribution,
    UnderlyingMove,
    WaterfallOf,
)
from flatbook.reports.attribution_story import headline_of, sentences_of
from flatbook.reports.columns import iso
from flatbook.reports.missing import Missing
from flatbook.reports.pnl import PnlPart, StepPnl, Trade, identity

_WORST = 5  # positions named a step
_FEE_UNKNOWN = "the fee of a trade is not known"
_NO_PRICE = "the underlying has no price, or no expiry of it has a volatility"

IDENTITY: dict[str, tuple[PnlPart, ...]] = {
    "edge_usd": (PnlPart.EDGE,),
    "inventory_usd": (PnlPart.INVENTORY, PnlPart.INVENTORY_NEW),
    "hedge_usd": (PnlPart.HEDGE_SLIPPAGE, PnlPart.HEDGE, PnlPart.HEDGE_NEW),
    "fees_usd": (PnlPart.FEES,),
    "corrections_usd": (PnlPart.CORRECTIONS,),
}
GREEKS: dict[str, Term] = {
    "delta_usd": Term.DELTA,
    "gamma_usd": Term.GAMMA,
    "theta_usd": Term.THETA,
    "vega_level_usd": Term.VEGA_LEVEL,
    "vega_skew_usd": Term.VEGA_SKEW,
    "vega_curvature_usd": Term.VEGA_CURVATURE,
    "spot_vol_usd": Term.SPOT_VOL,
    "vanna_usd": Term.VANNA,
    "volga_usd": Term.VOLGA,
    "rates_usd": Term.RATES,
    "dividends_usd": Term.DIVIDENDS,
    "basis_usd": Term.BASIS,
    "unexplained_usd": Term.RESIDUAL,
}
TRADED: dict[str, tuple[PnlPart, ...]] = {
    "new_trades_usd": (PnlPart.EDGE, PnlPart.INVENTORY_NEW, PnlPart.HEDGE_NEW),
    "hedging_slippage_usd": (PnlPart.HEDGE_SLIPPAGE,),
    "fees_usd": (PnlPart.FEES,),
    "corrections_usd": (PnlPart.CORRECTIONS,),
}
BLOCKS: dict[str, Block] = {f"{block.name.lower()}_usd": block for block in Block}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """One scope's figures: a row each of parts, terms and blocks, over one step or several."""

    parts: Floats  # [parts]
    realised: float
    terms: Floats  # [terms]
    ordered: Floats  # [blocks]
    symmetric: Floats
    gross: float
    residual_size: float  # |residual|, summed over steps

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            parts=self.parts + other.parts,
            realised=self.realised + other.realised,
            terms=self.terms + other.terms,
            ordered=self.ordered + other.ordered,
            symmetric=self.symmetric + other.symmetric,
            gross=self.gross + other.gross,
            residual_size=self.residual_size + other.residual_size,
        )


def attribution_report(
    marks: Sequence[Mark],
    trades: Sequence[Trade],
    hedges: Bools,
    *,
    desk: str,
    sources: AttributionSources,
    left_out: tuple[ChainLeftOut, ...] = (),
    values_at_trade: Mapping[str, float] | None = None,
) -> AttributionReport:
    """Attribute the P&L of a book.

    Parameters
    ----------
    marks : sequence of Mark
        Two or more, of one instrument table, in ascending order of time.
    trades, hedges, values_at_trade
        As for `pnl.identity`.
    desk : str
        Its name.
    sources : AttributionSources
    left_out : tuple of ChainLeftOut
        Chains that are among the sources and are no marks.

    Returns
    -------
    AttributionReport
        Holds finite numbers only; each null has a reason.
    """
    missing, table = Missing(), marks[0].market.table
    steps = identity(marks, trades, hedges, values_at_trade)
    each = [
        _step(*pair, step, table, missing, f"steps[{iso(step.end_ns)}]")
        for pair, step in zip(pairwise(marks), steps, strict=True)
    ]
    names = ("desk", *table.underlyings)
    total = [_summed([sums[at] for _, sums in each]) for at in range(len(names))]
    report = AttributionReport(
        flatbook_version=__version__,
        header=AttributionHeader(
            desk=desk,
            start=iso(marks[0].now_ns),
            end=iso(marks[-1].now_ns),
            sources=sources,
            headline="",
            sentences=(),
        ),
        steps=tuple(step for step, _ in each),
        total=tuple(
            _scope(name, sums, missing, f"total[{name}]") for name, sums in zip(names, total, strict=True)
        ),
        chains_left_out=left_out,
        reasons=missing.reasons(),
    )
    header = msgspec.structs.replace(
        report.header, headline=headline_of(report), sentences=sentences_of(report)
    )
    return msgspec.structs.replace(report, header=header)


def encode_attribution(report: AttributionReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _step(
    before: Mark, after: Mark, step: StepPnl, table: InstrumentTable, missing: Missing, path: str
) -> tuple[StepAttribution, list[_Sums]]:
    known = step.opening.copy()
    known[list(step.unvalued)] = 0
    explained = explain(known, before.values, before.market, after.values, after.market)
    revalued = waterfall(known, before, after)
    assert not explained.unexplained, explained.unexplained
    scopes = [_desk(step, explained, revalued)]
    scopes += [_underlying(step, explained, revalued, u) for u in range(len(table.underlyings))]
    names = ("desk", *table.underlyings)
    return StepAttribution(
        name=iso(step.end_ns),
        start=iso(step.start_ns),
        end=iso(step.end_ns),
        days=(step.end_ns - step.start_ns) / NS_PER_DAY,
        trades=sum(not trade.corrects for trade in step.trades),
        moves=_moves(before, after, missing, path),
        scopes=tuple(
            _scope(name, each, missing, f"{path}.scopes[{name}]")
            for name, each in zip(names, scopes, strict=True)
        ),
        worst=_worst(explained, step, table),
        left_out=tuple(
            SeriesLeftOut(
                symbol=table.instruments[row].symbol, contracts=int(step.opening[row]), reason=reason
            )
            for row, reason in step.unvalued.items()
        ),
    ), scopes


def _desk(step: StepPnl, explained: Explained, revalued: Waterfall) -> _Sums:
    return _sums(
        step.desk, step.realised, explained.desk, revalued.ordered.sum(axis=0), revalued.symmetric.sum(axis=0)
    )


def _underlying(step: StepPnl, explained: Explained, revalued: Waterfall, u: int) -> _Sums:
    return _sums(
        step.by_underlying[u],
        float(step.realised_by_underlying[u]),
        explained.by_underlying[u],
        revalued.ordered[u],
        revalued.symmetric[u],
    )


def _sums(parts: Floats, realised: float, terms: Floats, ordered: Floats, symmetric: Floats) -> _Sums:
    greeks = [float(terms[term]) for term in GREEKS.values() if term is not Term.RESIDUAL]
    traded = [float(parts[list(some)].sum()) for some in TRADED.values()]
    return _Sums(
        parts=parts,
        realised=realised,
        terms=terms,
        ordered=ordered,
        symmetric=symmetric,
        gross=float(np.abs([*greeks, *traded]).sum()),
        residual_size=abs(float(terms[Term.RESIDUAL])),
    )


def _summed(each: list[_Sums]) -> _Sums:
    out = each[0]
    for one in each[1:]:
        out = out + one
    return out


def _scope(name: str, sums: _Sums, missing: Missing, path: str) -> ScopeAttribution:
    def number(value: float, field: str) -> float | None:
        """A figure of this scope."""
        return missing.number(value, f"{path}.{field}", _FEE_UNKNOWN)

    parts = {field: float(sums.parts[list(some)].sum()) for field, some in IDENTITY.items()}
    terms = {field: float(sums.terms[term]) for field, term in GREEKS.items()}
    traded = {field: float(sums.parts[list(some)].sum()) for field, some in TRADED.items()}
    share = sums.residual_size / sums.gross if sums.gross else 0.0
    rounding = sums.realised - float(sums.parts.sum())
    identity_of = parts | {"realised_usd": sums.realised, "rounding_usd": rounding}
    explain_of = (
        terms | traded | {"realised_usd": sums.realised, "gross_usd": sums.gross, "unexplained_share": share}
    )
    return ScopeAttribution(
        scope=name,
        identity=IdentityOf(
            **{field: number(value, f"identity.{field}") for field, value in identity_of.items()}
        ),
        explain=ExplainOf(
            **{field: number(value, f"explain.{field}") for field, value in explain_of.items()}
        ),
        waterfall=WaterfallOf(ordered=_blocks(sums.ordered), symmetric=_blocks(sums.symmetric)),
    )


def _blocks(usd: Floats) -> BlocksOf:
    each: dict[str, float | None] = {field: float(usd[block]) for field, block in BLOCKS.items()}
    return BlocksOf(**each, total_usd=float(usd.sum()))


def _moves(before: Mark, after: Mark, missing: Missing, path: str) -> tuple[UnderlyingMove, ...]:
    vols = reference_vols(before.market), reference_vols(after.market)
    out = []
    for u, name in enumerate(before.market.table.underlyings):
        figures = {
            "spot_before": before.market.spot[u],
            "spot_after": after.market.spot[u],
            "vol_before": vols[0][u],
            "vol_after": vols[1][u],
        }
        numbers = {
            field: missing.number(float(value), f"{path}.moves[{name}].{field}", _NO_PRICE)
            for field, value in figures.items()
        }
        out.append(UnderlyingMove(underlying=name, **numbers))
    return tuple(out)


def _worst(explained: Explained, step: StepPnl, table: InstrumentTable) -> tuple[SeriesResidual, ...]:
    residual = explained.by_row[:, Term.RESIDUAL]
    order = np.argsort(-np.abs(residual), kind="stable")[:_WORST].tolist()
    return tuple(
        SeriesResidual(
            symbol=table.instruments[row].symbol,
            contracts=int(step.opening[row]),
            pnl_usd=float(explained.pnl_by_row[at]),
            unexplained_usd=float(residual[at]),
        )
        for at in order
        for row in (int(explained.rows[at]),)
    )
