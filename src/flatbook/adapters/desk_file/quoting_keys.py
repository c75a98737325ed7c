"""Keys of a desk file about duties to quote, protections of a market maker, and fast markets."""

from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.adapters.venue_rules.read import Venue
from flatbook.model.obligation_terms import Precedence
from flatbook.model.protection_terms import Tally
from flatbook.model.quoting_terms import FastMarketTerms

_POSITIVE = Range(low=0.0, low_open=True)
_WHOLE = Range(low=1.0, high=1e9)
_SHARE = Range(low=0.0, high=1.0)
_MS = Range(low=0.0, high=86_400_000.0)
_VENUES = tuple(each.value for each in Venue)
_FAST = FastMarketTerms()
_COVERED = (
    Key(name="underlyings", type=Type.TEXTS, default=[], text="whose options it is about"),
    Key(
        name="option_classes", type=Type.TEXTS, default=[],
        text="and these; neither: all options of the desk",
    ),
)  # fmt: skip

DUTY = Section(
    name="duty",
    repeated=True,
    keys=(
        Key(name="venue", type=Type.TEXT, required=True, choices=_VENUES, text="whose rules it is of"),
        Key(name="role", type=Type.TEXT, required=True, text="name of the duty in the venue's rules"),
        *_COVERED,
        Key(
            name="calendar", type=Type.TEXT, default="",
            text="exchange whose sessions it runs in, as XNYS; left out: until a session is told of it always binds",
        ),
        Key(
            name="precedence", type=Type.TEXT, choices=tuple(each.value for each in Precedence),
            text="what goes first where it meets a hard limit; left out: as the venue's rules say",
        ),
        Key(
            name="reserve_share", unit="share of the period", decimal=True, range=_SHARE,
            text="headroom never spent on purpose; left out: as the rules say",
        ),
        Key(
            name="width_max", unit="price units", range=_POSITIVE,
            text="widest quote, in place of the widths of the rules; left out: theirs",
        ),
        Key(
            name="size_min", type=Type.WHOLE, unit="contracts", range=_WHOLE,
            text="least size, in place of that of the rules; left out: theirs",
        ),
    ),
)  # fmt: skip

_TALLIES: dict[Tally, tuple[str, str]] = {
    Tally.EXECUTIONS: ("fills", "limit on fills"),
    Tally.TRIPS: ("trips", "limit on trips of the protections below it"),
    Tally.QUANTITY: ("contracts, or coins", "limit on what is filled"),
    Tally.FILLED_PCT: ("percent", "limit on filled of displayed, summed"),
    Tally.NOTIONAL: ("price units times contract size", "limit on premium filled"),
    Tally.DELTA: ("units of the underlying a unit of contract", "limit on delta filled"),
    Tally.VEGA: ("USD per vol point (0.01)", "limit on vega filled"),
}
PROTECTION = Section(
    name="protection",
    repeated=True,
    keys=(
        Key(name="venue", type=Type.TEXT, required=True, choices=_VENUES, text="whose rules it is of"),
        Key(name="rule", type=Type.TEXT, required=True, text="name of the protection in the venue's rules"),
        *_COVERED,
        Key(
            name="parent", type=Type.TEXT, default="",
            text="rule of another [[protection]] of the venue, over all its options, that counts the trips of this one",
        ),
        Key(
            name="interval_ms", type=Type.WHOLE, unit="milliseconds", range=Range(low=1.0, high=86_400_000.0),
            text="length of its window; left out: as the venue's rules say",
        ),
        Key(
            name="frozen_ms", type=Type.WHOLE, unit="milliseconds", range=_MS,
            text="how long it refuses quotes, 0: until it is reset; left out: as the rules say",
        ),
        *(
            Key(name=tally.value, unit=unit, range=Range(low=0.0, high=1e9, low_open=True), text=f"{text}; left out: as the rules say")
            for tally, (unit, text) in _TALLIES.items()
        ),
    ),
)  # fmt: skip

_SECONDS = Range(low=0.0, high=86_400.0)
_NUMBERS: tuple[tuple[str, Type, str, str, Range], ...] = (
    ("z_score", Type.NUMBER, "implied standard deviations", "move of spot within the window that is a sign; each multiple is one more", Range(low=0.5, high=100.0)),
    ("window_s", Type.NUMBER, "seconds", "the window", Range(low=1.0, high=3600.0)),
    ("stale_share", Type.NUMBER, "share of quoted series", "stale quotes that are a sign; 0: none is", _SHARE),
    ("confidence_min", Type.NUMBER, "share", "median confidence of smiles below which there is a sign; 0: none is", _SHARE),
    ("feed_gap_s", Type.NUMBER, "seconds", "age of the underlying's price that is a sign; 0: none is", _SECONDS),
    ("burst_times", Type.NUMBER, "settled intensities", "intensity of our fills that is a sign", Range(low=1.0, high=1e6)),
    ("burst_base_per_s", Type.NUMBER, "fills per second", "of an underlying, that no other fill brought about", Range(low=1e-9, high=1e6)),
    ("burst_branching", Type.NUMBER, "fills", "that one fill brings about", Range(low=0.0, high=0.99)),
    ("burst_decay_per_s", Type.NUMBER, "1/second", "how fast they come", Range(low=1e-6, high=1e6)),
    ("dwell_s", Type.NUMBER, "seconds", "without the signs of a level before it ends; levels end one by one", _SECONDS),
    ("widen_factor", Type.NUMBERS, "times the neutral distance", "of levels 1, 2 and 3", Range(low=1.0, high=100.0)),
    ("size_share", Type.NUMBERS, "share of the size", "of levels 1, 2 and 3", _SHARE),
    ("wing_delta_below", Type.NUMBER, "absolute delta per unit", "series below it are wings", _SHARE),
    ("wing_delta_above", Type.NUMBER, "absolute delta per unit", "and so are those above", _SHARE),
    ("wings_from_level", Type.WHOLE, "level", "from which wings are pulled", Range(low=1.0, high=3.0)),
    ("urgent_from_level", Type.WHOLE, "level", "from which deltas are hedged before anything else", Range(low=1.0, high=3.0)),
)  # fmt: skip
FAST_MARKET = Section(
    name="fast_market",
    keys=(
        Key(
            name="watch", type=Type.SWITCH, default=_FAST.watch,
            text="look for the signs below; otherwise a market is fast only where somebody says so",
        ),
        *(
            Key(
                name=name, type=kind, unit=unit, text=text, range=within,
                default=list(getattr(_FAST, name)) if kind is Type.NUMBERS else getattr(_FAST, name),
            )
            for name, kind, unit, text, within in _NUMBERS
        ),
    ),
)  # fmt: skip
