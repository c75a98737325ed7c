"""Frames of the stream: what goes in comes out, to the bit, and what is no frame is refused."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flatbook.dashboard.errors import FrameError
from flatbook.dashboard.frames import Column, Frame, column, decode, encode, number

KINDS = {"f8": np.float64, "f4": np.float32, "i4": np.int32, "u1": np.uint8}
columns = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.builds(
        Column,
        name=st.text(max_size=8),
        values=arrays.arrays(np.dtype(KINDS[kind]).newbyteorder("<"), st.integers(0, 9)),
    )
)
frames = st.builds(
    Frame,
    kind=st.just("desk"),
    topic=st.text(max_size=20),
    number=st.integers(0, 2**40),
    cycle=st.integers(0, 2**40),
    at_ns=st.integers(0, 2**62),
    data=st.dictionaries(
        st.text(max_size=5), st.none() | st.integers(-9, 9) | st.text(max_size=5), max_size=4
    ),
    columns=st.lists(columns, max_size=4).map(tuple),
)


@given(frames)
def test_a_frame_comes_back_as_it_was(frame):
    """Round trip, NaN and infinities in columns to the bit."""
    again = decode(encode(frame))

    assert (again.kind, again.topic, again.number, again.cycle, again.at_ns, again.data) == (
        frame.kind, frame.topic, frame.number, frame.cycle, frame.at_ns, frame.data,
    )  # fmt: skip
    assert [each.name for each in again.columns] == [each.name for each in frame.columns]
    for one, other in zip(again.columns, frame.columns, strict=True):
        assert one.values.dtype == other.values.dtype
        assert one.values.tobytes() == other.values.tobytes()


@given(frames)
def test_every_column_begins_where_a_typed_array_may(frame):
    """Read by hand, as a browser does: the offsets are multiples of 8, and the bytes end with the last column's padding."""
    raw = encode(frame)
    magic, length = struct.unpack_from("<4sI", raw)
    header = json.loads(raw[8 : 8 + length])
    at = 8 + length

    assert magic == b"FBK1"
    assert at % 8 == 0
    assert header["at_ns"] == str(frame.at_ns)
    for told in header["columns"]:
        assert at % 8 == 0
        at += told["length"] * {"f8": 8, "f4": 4, "i4": 4, "u1": 1}[told["type"]]
        at += -at % 8
    assert at == len(raw)


@given(st.binary(max_size=64))
def test_bytes_that_are_no_frame_are_refused(raw):
    """With an error of ours, whatever they are."""
    with pytest.raises(FrameError):
        decode(raw)


def test_a_frame_that_is_cut_is_refused():
    """At every byte."""
    raw = encode(
        Frame(
            kind="a", topic="b", number=1, cycle=2, at_ns=3, data={}, columns=(column("x", [1.0, 2.0], "f8"),)
        )
    )
    for end in range(len(raw)):
        with pytest.raises(FrameError):
            decode(raw[:end])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_does_not_exist_is_none(value):
    """Never 0."""
    assert number(value) is None
    assert number(0.0) == 0.0


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_GOOD = {
    "kind": "desk",
    "topic": "desk",
    "number": 1,
    "cycle": 2,
    "at_ns": "3",
    "data": {},
    "columns": [{"name": "x", "type": "f8", "length": 1}],
}


@given(
    st.dictionaries(st.sampled_from(sorted(_GOOD)), _json, max_size=3),
    st.dictionaries(st.sampled_from(["name", "type", "length"]), _json, max_size=2),
    st.binary(max_size=24),
)
def test_a_header_that_says_anything_is_a_frame_or_refused(changes, of_column, tail):
    """Whatever stands in the fields."""
    told = _GOOD | {"columns": [_GOOD["columns"][0] | of_column]} | changes
    header = json.dumps(told).encode("utf-8", "surrogatepass")
    header += b" " * (-(len(header) + 8) % 8)
    try:
        found = decode(struct.pack("<4sI", b"FBK1", len(header)) + header + tail)
    except FrameError:
        return
    assert isinstance(found.number, int)
    assert all(each.values.ndim == 1 for each in found.columns)


@pytest.mark.parametrize(
    "data", ["[" * 90_000 + "]" * 90_000, '{"a":' * 90_000 + "1" + "}" * 90_000, "1" * 5000, "1e999"]
)
def test_a_header_that_is_deep_or_endless_is_refused(data):
    """Before it is followed."""
    header = json.dumps(_GOOD).replace("{}", data, 1).encode()
    header += b" " * (-(len(header) + 8) % 8)
    with pytest.raises(FrameError):
        decode(struct.pack("<4sI", b"FBK1", len(header)) + header + bytes(8))


def test_columns_lie_on_the_bytes_as_they_came():
    """Nothing is copied, and nobody writes into them."""
    raw = encode(
        Frame(
            kind="a", topic="b", number=1, cycle=2, at_ns=3, data={}, columns=(column("x", [1.0, 2.0], "f8"),)
        )
    )
    values = decode(raw).columns[0].values

    assert np.shares_memory(values, np.frombuffer(raw, dtype=np.uint8))
    assert not values.flags.writeable
