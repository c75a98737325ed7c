"""The section of a desk file about option offsets: what they may trade, and which limits their plan keeps."""

from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.model.offset_terms import OffsetTerms

_USUAL = OffsetTerms()
_SHARE = Range(low=0.0, high=1.0, low_open=True)
_FACTOR = Range(low=0.0, high=100.0, high_open=True)
_KEYS: tuple[tuple[str, str, str, Range], ...] = (
    ("candidates_max", "contracts", "that may be traded: options and hedge instruments together", Range(low=1.0, high=1e4)),
    ("rows_max", "rows", "limits, slide cells and margin points that are held together", Range(low=1.0, high=1e4)),
    ("legs_max", "legs", "of a plan, at most", Range(low=0.0, high=1e4)),
    ("size_share", "share", "of the displayed size that a plan takes at most", _SHARE),
    ("size_unknown", "contracts", "a side, where nobody tells a size", Range(low=0.0, high=1e9)),
    ("impact_half_spreads", "half-spreads", "by which a trade moves the market against itself", _FACTOR),
    ("limit_share", "share", "of every hard limit, within which a plan keeps the book", _SHARE),
    ("cell_share", "share", "of a limit on losses: cells that lose less come in only where a plan would break them", _FACTOR),
    ("breach_usd", "USD", "price of exceeding a limit by all of itself", Range(low=0.0, low_open=True)),
    ("every_s", "s", "between two plans that are sent; a limit that has come nearer to its hard level does not wait", Range(low=0.0, low_open=True)),
    ("cost_most_usd", "USD", "a dearer plan is not sent", Range(low=0.0)),
)  # fmt: skip

OFFSETS = Section(
    name="offsets",
    keys=(
        Key(
            name="send", type=Type.SWITCH, default=_USUAL.send,
            text="plans leave as orders, where the desk sends any; otherwise they are proposed",
        ),
        *(Key(
            name=name, type=Type.WHOLE if isinstance(getattr(_USUAL, name), int) else Type.NUMBER, unit=unit, text=text,
            range=within, default=getattr(_USUAL, name),
        )
        for name, unit, text, within in _KEYS),
    ),
)  # fmt: skip
