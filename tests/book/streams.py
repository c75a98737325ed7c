"""Streams of fills, corrections and busts in which every id may mean anything."""

from hypothesis import strategies as st

from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Side

SYMBOLS = ("A", "B", "C")
_IDS = st.sampled_from(("1", "2", "3", "4", "5"))
_CONTRACTS = st.integers(1, 50)
_TICKS = st.integers(-20, 200)

fills = st.builds(
    Fill,
    received_ns=st.integers(0, 9),
    fill_id=_IDS,
    instrument=st.sampled_from(SYMBOLS),
    side=st.sampled_from(Side),
    quantity=_CONTRACTS,
    price_ticks=_TICKS,
    traded_ns=st.just(0),
    capacity=st.sampled_from(Capacity),
    account=st.sampled_from(("", "M1")),
    strategy=st.sampled_from(("", "flow")),
    fee=st.sampled_from((0.0, 0.1, 0.2, 0.7, -0.3, float("nan"), float("inf"), 1e308)),
)
corrections = st.builds(
    FillCorrected,
    received_ns=st.integers(0, 9),
    correction_id=_IDS,
    fill_id=_IDS,
    quantity=_CONTRACTS,
    price_ticks=_TICKS,
    corrected_ns=st.integers(0, 2),
)
busts = st.builds(FillBusted, received_ns=st.integers(0, 9), bust_id=_IDS, fill_id=_IDS)
stories = st.lists(fills | corrections | busts, max_size=14)


def key(event):
    match event:
        case Fill():
            return "fill", event.fill_id
        case FillCorrected():
            return "correction", event.correction_id
    return "bust", event.bust_id


unambiguous = st.lists(fills | corrections | busts, max_size=12, unique_by=key)
