"""The desk's capital, as the plan report keeps it."""

from flatbook.reports.schema_parts import Number, Part


class CapitalMember(Part, frozen=True, kw_only=True):
    """One underlying at the point that decides the part it belongs to."""

    underlying: str
    required_usd: Number  # on its own
    relief_usd: Number  # what the desk would need beside it alone, less what both need together
    move: Number  # of spot at that point, relative
    pnl_usd: Number  # there


class CapitalPart(Part, frozen=True, kw_only=True):
    """Underlyings that offset each other, or one alone; what the parts need adds up to what the desk needs."""

    name: str
    required_usd: Number  # the larger of the largest loss and the minimum
    alone_usd: Number  # sum of its underlyings without offsets
    minimum_usd: float
    worst_point: (
        int | None
    )  # that loses most, of ten: 1 is the largest fall of the range, 10 its largest rise
    worst_pnl_usd: Number  # there, after offsets
    decides: str  # point, minimum, unknown
    members: tuple[CapitalMember, ...]  # that are held


class MarginalRow(Part, frozen=True, kw_only=True):
    """One contract more of a series, on one side."""

    symbol: str
    underlying: str
    side: str  # ours: buy, sell
    position: int  # contracts held, net
    marginal_capital_usd: float  # change of what the desk needs; minus: it frees


class CapitalForecast(Part, frozen=True, kw_only=True):
    """The same book after each move of all underlyings, volatilities unchanged."""

    moves: tuple[float, ...]  # of spot, relative
    required_usd: tuple[Number, ...]  # after offsets
    pnl_usd: tuple[Number, ...]  # on the way there
    net_capital_usd: tuple[Number, ...]  # today's with that P&L


class CapitalReportRow(Part, frozen=True, kw_only=True):
    """Our requirement beside the one that a venue or clearing firm reported."""

    name: str  # scope and source
    scope: str  # an underlying, or "desk"
    source: str
    own_usd: Number
    reported_usd: Number
    difference_usd: Number  # reported less own
    binding_usd: Number  # the worse of the two
    reason: str  # why they could not be compared; empty: they were


class DeskCapital(Part, frozen=True, kw_only=True):
    """What the book must be backed with under risk-based haircuts."""

    required_usd: Number  # after offsets between underlyings
    alone_usd: Number  # sum of the underlyings, no offset between them
    offsets_usd: Number  # what offsets are worth: the difference
    net_capital_usd: Number  # that the desk file tells
    utilisation: Number  # required / net capital
    sentence: str
    parts: tuple[CapitalPart, ...]  # that hold something, the largest first
    frees: tuple[MarginalRow, ...]  # at most ten of what we hold, quote or hedge with, what frees most first
    asks: tuple[MarginalRow, ...]  # the same, what asks for most first
    forecast: CapitalForecast
    reported: tuple[CapitalReportRow, ...]
