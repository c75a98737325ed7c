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
