"""The section of a desk file about orders: the numbers of the last gate, of the kill switch and of moving quotes."""

from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.model.order_terms import OrderTerms, SelfTrade

_USUAL = OrderTerms()
_SHARE = Range(low=0.0, high=1.0)
_POSITIVE = Range(low=0.0, low_open=True)
_NOT_NEGATIVE = Range(low=0.0)
_ONE_OR_MORE = Range(low=1.0)
_WHOLE: tuple[tuple[str, str, str, Range], ...] = (
    (
        "collar_nbbo_ticks",
        "ticks",
        "beyond the other side of the market an order never goes, or",
        _NOT_NEGATIVE,
    ),
    ("size_max_contracts", "contracts", "of an order in an option, at most", _ONE_OR_MORE),
    ("hedge_size_max_contracts", "contracts", "of an order in anything else, at most", _ONE_OR_MORE),
    ("messages_per_s", "messages a second", "to one venue, at most", Range(low=1.0, high=1e9)),
    ("message_burst", "messages", "that may leave at once after a pause", _ONE_OR_MORE),
    ("cancel_reserve", "messages", "of the burst, that only cancels may use", _NOT_NEGATIVE),
    ("duplicate_window_ms", "milliseconds", "in which the same order does not leave twice", _NOT_NEGATIVE),
    ("requote_ticks", "ticks", "by which a quote is moved at least", _ONE_OR_MORE),
    (
        "cancel_retry_ms",
        "milliseconds",
        "after which a cancel that nobody confirmed is sent again",
        _ONE_OR_MORE,
    ),
    (
        "reject_backoff_ms",
        "milliseconds",
        "that a hedge waits which its venue rejected; doubled each time for the same reason",
        _ONE_OR_MORE,
    ),
    ("reject_backoff_most_ms", "milliseconds", "that it waits at most", _ONE_OR_MORE),
    (
        "hedge_rejects_most",
        "rejections",
        "of a hedge within the window before its underlying is killed",
        _ONE_OR_MORE,
    ),
    (
        "rejects_most",
        "rejections",
        "of any orders within the window before their venue is killed",
        _ONE_OR_MORE,
    ),
    ("reject_window_s", "seconds", "in which rejections are counted", _ONE_OR_MORE),
    (
        "burst_quotes",
        "quotes",
        "of an underlying, watched by a protection, that fill at most before the rest is gone; 0: every quote counts in full",
        _NOT_NEGATIVE,
    ),
)
_NUMBERS: tuple[tuple[str, str, str, Range], ...] = (
    ("collar_half_spreads", "half-spreads", "beyond fair value an order never goes, or", _NOT_NEGATIVE),
    ("collar_theo_pct", "percent of fair value", "the wider of the two", _NOT_NEGATIVE),
    ("collar_nbbo_pct", "percent of the other side", "the wider of the two", _NOT_NEGATIVE),
    ("vol_distance_points", "vol points (0.01)", "beyond fair value an order never goes either", _POSITIVE),
    ("notional_order_max_usd", "USD", "of one order, at most", _POSITIVE),
    ("notional_working_max_usd", "USD", "of all orders at work, at most", _POSITIVE),
    ("requote_edge_usd", "USD", "that moving a quote gains at least: its size in money", _NOT_NEGATIVE),
    (
        "requote_centre_half_spreads",
        "half-spreads",
        "that the centre moves before its quote does",
        _NOT_NEGATIVE,
    ),
    ("refill_share", "share", "of its size, at which a quote that was filled is made whole", _SHARE),
    ("kill_share", "share", "of a hard limit, beyond which everything in its scope stops", Range(low=1.0)),
)

ORDERS = Section(
    name="orders",
    keys=(
        Key(
            name="send", type=Type.SWITCH, default=_USUAL.send,
            text="orders leave, and the desk keeps account of them; otherwise it only proposes",
        ),
        Key(name="venue", type=Type.TEXT, default=_USUAL.venue, text="where they go, as kill switches name it"),
        *(
            Key(name=name, unit=unit, text=text, range=within, default=getattr(_USUAL, name))
            for name, unit, text, within in _NUMBERS
        ),
        *(
            Key(name=name, type=Type.WHOLE, unit=unit, text=text, range=within, default=getattr(_USUAL, name))
            for name, unit, text, within in _WHOLE
        ),
        Key(
            name="self_trade", type=Type.TEXT, default=_USUAL.self_trade.value, choices=tuple(SelfTrade),
            text="who keeps an order from trading with another of ours: the gate everywhere, or within a venue the venue itself",
        ),
        Key(
            name="kill_measures", type=Type.TEXTS, default=list(_USUAL.kill_measures),
            text="measures whose limits stop their scope beyond kill_share",
        ),
        Key(
            name="kill_allows_hedges", type=Type.SWITCH, default=_USUAL.kill_allows_hedges,
            text="a hedge that only reduces goes through a kill of rows, never through that of a venue",
        ),
    ),
)  # fmt: skip
