"""The engine's state in a file, so that a start need not take a whole journal again.

The file names the record after which the state stood, and that record's link: it is used only with the journal that has both, by the
build that wrote it. What follows that record is taken again and each decision compared to the byte, so that a state that is not what
it says is found out; the journal alone remains the truth, and a state that cannot be used costs time and nothing else.

Written with pickle, protocol 5, and read by a reader that makes nothing but values of the engine's own types, arrays and plain
containers: docs.python.org/3/library/pickle.html#restricting-globals.
"""

import copyreg
import gc
import hashlib
import io
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from operator import attrgetter, methodcaller
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from flatbook.engine.state import State
from flatbook.journal.layout import CHAIN_BYTES
from flatbook.model.errors import FlatbookError

_MAGIC = b"flatbook state 1"
_DIGEST_BYTES = 32
_PROTOCOL = 5
_PLAIN = frozenset(
    {
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("builtins", "slice"),
        ("builtins", "complex"),
        ("collections", "deque"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("builtins", "int"),
        ("builtins", "float"),
        ("builtins", "list"),
        ("builtins", "dict"),
        ("decimal", "Decimal"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("copyreg", "_reconstructor"),
        ("builtins", "object"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy.core.numeric", "_frombuffer"),
        ("msgspec._utils", "rebuild"),
    }
)


class StateFileError(FlatbookError):
    """A state that cannot be used."""


class Kept(NamedTuple):
    """A state, and where in its journal it stood."""

    state: State
    facts: int  # taken by then
    sequence: int  # of the last record
    head: bytes  # 32 bytes that stand for every record up to it


def read_only(items: dict[Any, Any]) -> Mapping[Any, Any]:
    """The items of a read-only mapping, which pickle cannot name, again as one."""
    return MappingProxyType(items)


_Reducer = Callable[[Any], tuple[Any, ...]]


def _read_only_again(items: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return read_only, (dict(items),)


def _is_of_dataclasses(method: object) -> bool:
    return getattr(method, "__module__", "") == "dataclasses"


class _Reducers(dict[type, _Reducer]):
    """How objects of a type are made again, found out once a type.

    A frozen dataclass with slots looks up its own fields for every object; a book has tens of thousands of them.
    """

    def __missing__(self, kind: type) -> _Reducer:
        """Of a dataclass that pickle asks for its state: the same bytes, sooner; of all else as they say themselves."""
        if issubclass(kind, type):
            raise KeyError(kind)
        names = [field.name for field in fields(kind)] if is_dataclass(kind) else []
        if len(names) < 2 or not _is_of_dataclasses(kind.__dict__.get("__getstate__")):
            self[kind] = methodcaller("__reduce_ex__", _PROTOCOL)
            return self[kind]
        state_of = attrgetter(*names)

        def reduced(value: Any) -> tuple[Any, ...]:
            return copyreg.__newobj__, (kind,), list(state_of(value))  # type: ignore[attr-defined]

        self[kind] = reduced
        return reduced


class _Writer(pickle.Pickler):
    """Knows read-only mappings too; by a table, as a method of its own would be called for every object there is."""

    dispatch_table = _Reducers(copyreg.dispatch_table | {MappingProxyType: _read_only_again})


class _Reader(pickle.Unpickler):
    """Makes only what a state is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the bytes stands for."""
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if (module, name) == (__name__, read_only.__name__):
            return read_only
        if module.startswith("flatbook.") and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        msg = f"a state has no {module}.{name} in it"
        raise pickle.UnpicklingError(msg)


def dump_state(state: State) -> bytes:
    """The state as bytes. Meanwhile nobody looks for garbage, which would take as long again: the desk waits for this copy."""
    out = io.BytesIO()
    collects = gc.isenabled()
    gc.disable()
    try:
        _Writer(out, protocol=_PROTOCOL).dump(state)
    finally:
        if collects:
            gc.enable()
    return out.getvalue()


def load_state(raw: bytes) -> State:
    """The state in bytes of `dump_state`.

    Raises
    ------
    StateFileError
        They are none.
    """
    try:
        state = _Reader(io.BytesIO(raw)).load()
    except Exception as e:  # whatever bytes may do to a reader of objects
        msg = f"no state of this build: {type(e).__name__}: {e}"
        raise StateFileError(msg) from e
    if not isinstance(state, State):
        msg = f"no state, but a {type(state).__name__}"
        raise StateFileError(msg)
    return state


def copy_of(state: State) -> State:
    """Another state like this one, that shares nothing with it."""
    return load_state(dump_state(state))


def write_state(path: Path, kept: Kept, build: Mapping[str, str]) -> Callable[[], None]:
    """Copy a state now, and return what puts the copy into the place of the one before, whenever that is.

    Parameters
    ----------
    path : Path
        Readable by its owner only.
    kept : Kept
    build : mapping of str to str
        What wrote it; who reads it must be the same.
    """
    body = pickle.dumps((dict(build), kept.facts, kept.sequence, kept.head), protocol=_PROTOCOL)
    body = len(body).to_bytes(8, "little") + body + dump_state(kept.state)
    return partial(_replace, path, body)


def _replace(path: Path, body: bytes) -> None:
    raw = _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() + body
    draft = path.with_name(path.name + ".part")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_state(path: Path, build: Mapping[str, str]) -> Kept:
    """The state in a file of `write_state`.

    Raises
    ------
    StateFileError
        There is none, it is damaged, or another build wrote it.
    """
    try:
        raw = path.read_bytes()
    except OSError as e:
        msg = f"state {path}: {e.strerror}"
        raise StateFileError(msg) from e
    start = len(_MAGIC) + _DIGEST_BYTES
    body = raw[start:]
    if raw[:start] != _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest():
        msg = f"state {path}: it is damaged, or of another format"
        raise StateFileError(msg)
    length = int.from_bytes(body[:8], "little")
    told_build, facts, sequence, head = _place_in(body[8 : 8 + length], path)
    if told_build != dict(build):
        msg = f"state {path}: another build wrote it"
        raise StateFileError(msg)
    return Kept(load_state(body[8 + length :]), facts, sequence, head)


def _place_in(raw: bytes, path: Path) -> tuple[dict[str, str], int, int, bytes]:
    """The build that wrote a state, and where in its journal it stood: facts, sequence, head."""
    try:
        told = _Reader(io.BytesIO(raw)).load()
        build, facts, sequence, head = told
    except Exception as e:  # whatever bytes may do to a reader of objects
        msg = f"state {path}: it does not say where it stood: {type(e).__name__}"
        raise StateFileError(msg) from e
    kinds = (dict, int, int, bytes)
    if not all(type(one) is kind for one, kind in zip(told, kinds, strict=True)) or len(head) != CHAIN_BYTES:
        msg = f"state {path}: it does not say where it stood"
        raise StateFileError(msg)
    return build, facts, sequence, head
