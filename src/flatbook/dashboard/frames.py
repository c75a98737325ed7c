"""Binary frames of the stream: a header of JSON, then columns that a browser reads without copying.

Little endian: the four bytes `FBK1`, a u32 length H with H + 8 a multiple of 8, H bytes of UTF-8 JSON padded with spaces, then every
column padded with zeros to a multiple of 8. So a typed array lies on each column as it came.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from flatbook.dashboard.errors import FrameError

MAGIC = b"FBK1"
_HEAD = struct.Struct("<4sI")
_ALIGN = 8
_TYPES: dict[str, np.dtype[Any]] = {
    "f8": np.dtype("<f8"),
    "f4": np.dtype("<f4"),
    "i4": np.dtype("<i4"),
    "u1": np.dtype("u1"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of a frame."""

    name: str
    values: NDArray[Any]  # one-dimensional, of a type of `_TYPES`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One topic at one publication."""

    kind: str
    topic: str
    number: int  # of the publication
    cycle: int  # sequence of its CycleDue
    at_ns: int  # the core's time
    data: Any  # what `msgspec.to_builtins` takes, without NaN
    columns: tuple[Column, ...] = ()


class _Told(msgspec.Struct, frozen=True):
    """What a header says of a column."""

    name: str
    type: Literal["f8", "f4", "i4", "u1"]
    length: Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Header(msgspec.Struct, frozen=True):
    """What stands before the columns."""

    kind: str
    topic: str
    number: int
    cycle: int
    at_ns: Annotated[str, msgspec.Meta(max_length=24)]
    data: Any
    columns: list[_Told]


def column(name: str, values: Any, kind: str) -> Column:
    """A column of values as `kind`: f8, f4, i4, u1."""
    return Column(name=name, values=np.ascontiguousarray(values, dtype=_TYPES[kind]))


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    header = msgspec.json.encode(
        {
            "kind": frame.kind,
            "topic": frame.topic,
            "number": frame.number,
            "cycle": frame.cycle,
            "at_ns": str(frame.at_ns),
            "data": frame.data,
            "columns": [
                {"name": each.name, "type": _kind_of(each.values), "length": each.values.size}
                for each in frame.columns
            ],
        }
    )
    header += b" " * (-(len(header) + _HEAD.size) % _ALIGN)
    parts = [_HEAD.pack(MAGIC, len(header)), header]
    for each in frame.columns:
        raw = each.values.tobytes()
        parts += [raw, b"\0" * (-len(raw) % _ALIGN)]
    return b"".join(parts)


def decode(raw: bytes) -> Frame:
    """A frame from its bytes; columns lie on them, read-only, and are not copied.

    Raises
    ------
    FrameError
        They are no frame, or not all of one.
    """
    if len(raw) < _HEAD.size:
        msg = f"a frame has at least {_HEAD.size} bytes, these are {len(raw)}"
        raise FrameError(msg)
    magic, length = _HEAD.unpack_from(raw)
    if magic != MAGIC or (length + _HEAD.size) % _ALIGN or _HEAD.size + length > len(raw):
        msg = f"no frame: magic {magic!r}, header of {length} bytes in {len(raw)}"
        raise FrameError(msg)
    try:
        header = msgspec.json.decode(memoryview(raw)[_HEAD.size : _HEAD.size + length], type=_Header)
        at_ns = int(header.at_ns)
    except (msgspec.MsgspecError, ValueError, RecursionError) as e:
        msg = f"the header of a frame cannot be read: {e}"
        raise FrameError(msg) from e
    return Frame(
        kind=header.kind,
        topic=header.topic,
        number=header.number,
        cycle=header.cycle,
        at_ns=at_ns,
        data=header.data,
        columns=_columns(raw, header.columns, _HEAD.size + length),
    )


def number(value: float) -> float | None:
    """The value, or None where there is none."""
    return float(value) if math.isfinite(value) else None


def _columns(raw: bytes, told: Sequence[_Told], at: int) -> tuple[Column, ...]:
    out = []
    for each in told:
        kind = _TYPES[each.type]
        end = at + kind.itemsize * each.length
        if end > len(raw):
            msg = f"column {each.name[:80]} ends at byte {end} of {len(raw)}"
            raise FrameError(msg)
        values = np.frombuffer(raw, dtype=kind, count=each.length, offset=min(at, len(raw)))
        out.append(Column(name=each.name, values=values))
        at = end + -end % _ALIGN
    return tuple(out)


def _kind_of(values: NDArray[Any]) -> str:
    return next(name for name, kind in _TYPES.items() if kind == values.dtype)
