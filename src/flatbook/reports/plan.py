"""The plan of one cycle: from the columns of the engine to a report, and to JSON.

Nothing is computed here that decides anything: every figure is a room's, but for counts, shares and sentences.
"""

import math

import msgspec

from flatbook import __version__
from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import WhatIf
from flatbook.engine.offsets import Offset
from flatbook.model.measures import MEANINGS
from flatbook.reports.capital_sections import capital_of
from flatbook.reports.columns import columns_of, iso
from flatbook.reports.conditions_section import orders_of
from flatbook.reports.decisions import hedges_of, limits_of, responses_of
from flatbook.reports.exposures import exposures_of, slides_of
from flatbook.reports.factor_sections import factors_of
from flatbook.reports.health import health_of
from flatbook.reports.inventory import inventory_of
from flatbook.reports.leftover import residual_of
from flatbook.reports.missing import Missing
from flatbook.reports.offset_section import offset_section
from flatbook.reports.quotes import quotes_of
from flatbook.reports.risk_sections import deltas_of, groups_of
from flatbook.reports.schema import Header, PlanReport, Sources
from flatbook.reports.schema_parts import UnitOf
from flatbook.reports.sheets import sheets_of
from flatbook.reports.story import headline_of, sentences_of
from flatbook.reports.what_if import what_ifs_of


def plan_report(
    cycle: Cycle,
    *,
    sources: Sources,
    asked: tuple[WhatIf, ...] = (),
    offset: Offset | None = None,
    offset_after: WhatIf | None = None,
) -> PlanReport:
    """Report `cycle`.

    Parameters
    ----------
    cycle : Cycle
    sources : Sources
        Where its inputs came from.
    asked : tuple of WhatIf
        What somebody wants to know beside.
    offset : Offset, optional
        The option offset of the book that is held; without it the section says that nobody asked.
    offset_after : WhatIf, optional
        The book once it is done.

    Returns
    -------
    PlanReport
        Holds finite numbers only; each null has a reason.
    """
    missing, columns = Missing(), columns_of(cycle)
    inventory = inventory_of(cycle, columns, missing)
    exposure = exposures_of(cycle, columns, missing)
    limits = limits_of(cycle, missing)
    hedges = hedges_of(cycle, missing)
    options = offset_section(cycle, offset, offset_after, columns, missing)
    quotes = quotes_of(cycle, columns, missing)
    health = health_of(cycle, columns, missing)
    headline = headline_of(exposure, limits, hedges, options)
    story = sentences_of(inventory, exposure, limits, hedges, options, quotes, health)
    return PlanReport(
        flatbook_version=__version__,
        header=_header(cycle, sources, headline, story),
        units=_units(),
        inventory=inventory,
        exposure=exposure,
        capital=capital_of(cycle, columns, missing),
        groups=groups_of(cycle, missing),
        deltas=deltas_of(cycle, columns, missing),
        factors=factors_of(cycle, columns, missing),
        slides=slides_of(cycle, missing),
        limits=limits,
        responses=responses_of(cycle),
        hedges=hedges,
        offset=options,
        quotes=quotes,
        orders=orders_of(cycle, missing),
        residual=residual_of(cycle, columns, missing),
        what_if=what_ifs_of(cycle, asked, columns, missing),
        sheets=sheets_of(cycle.sheets, cycle.book.quantity, cycle.table, missing),
        market_health=health,
        reasons=missing.reasons(),
    )


def _header(cycle: Cycle, sources: Sources, headline: str, story: tuple[str, ...]) -> Header:
    return Header(
        desk=cycle.desk.name,
        valued_at=iso(cycle.now_ns),
        cycle=cycle.sequence,
        sources=sources,
        headline=headline,
        sentences=story,
    )


def _units() -> tuple[UnitOf, ...]:
    return tuple(
        UnitOf(name=each.name, label=each.label, unit=each.unit, text=each.text) for each in MEANINGS.values()
    )


def encode_json(report: PlanReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, fields in the order of the schema, the same every time."""
    _assert_finite(report, "report")
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode_json(raw: bytes) -> PlanReport:
    """A report from its file.

    Raises
    ------
    msgspec.DecodeError
        The file is no report of this schema.
    """
    return msgspec.json.decode(raw, type=PlanReport)


def _assert_finite(value: object, path: str) -> None:
    """The encoder writes NaN as null without a word; none may get that far."""
    parts = msgspec.structs.astuple(value) if isinstance(value, msgspec.Struct) else value
    assert isinstance(parts, tuple), f"{path} is a {type(value).__name__}: a report holds structs and tuples"
    for place, part in enumerate(parts):
        kind = type(part)
        if kind is float:
            assert math.isfinite(part), (
                f"{path}[{place}] is {part}: only finite numbers and None belong in a report"
            )
        elif kind not in _PLAIN:
            _assert_finite(part, f"{path}[{place}]")


_PLAIN = frozenset({str, int, bool, type(None)})
