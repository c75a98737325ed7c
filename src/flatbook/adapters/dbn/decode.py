"""DBN files as records, through the library `databento_dbn`, which is loaded when the first file is opened and not before."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from flatbook.adapters.dbn.zstd_frames import is_whole
from flatbook.adapters.files.faults import fault
from flatbook.model.errors import FaultsError, InvalidValueError

_CHUNK_BYTES = 1 << 14  # of what may unpack to 4,000 times as much
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_DBN_MAGIC = b"DBN"
_PANIC = "PanicException"
_AGAIN = "fetch the file again"


def is_dbn(path: Path) -> bool:
    """Whether a file is DBN, by its first bytes; of a packed one, by its name too."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return False
    return head[:3] == _DBN_MAGIC or (head == _ZSTD_MAGIC and ".dbn" in path.suffixes)


def decoded(path: Path) -> Iterator[tuple[str, Any]]:
    """The metadata of a file and then its records, each with its place.

    Raises
    ------
    FaultsError
        The file is none, is torn, or cannot be read.
    InvalidValueError
        The library is not installed.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(4) == _ZSTD_MAGIC
            file.seek(0)
            if packed and not is_whole(path):
                raise _unreadable(path.name, 0, "a torn zstd frame")
            yield from decoded_chunks(iter(lambda: file.read(_CHUNK_BYTES), b""), path.name, packed=packed)
    except OSError as error:
        raise _unreadable(path.name, 0, str(error)) from error


def decoded_chunks(chunks: Iterator[bytes], name: str, *, packed: bool) -> Iterator[tuple[str, Any]]:
    """As `decoded`, of bytes that come in pieces.

    Parameters
    ----------
    packed : bool
        Whether they are compressed by zstd.
    """
    library = _library()
    compression = library.Compression.ZSTD if packed else library.Compression.NONE
    count = 0
    try:
        decoder = library.DBNDecoder(compression=compression)
        for chunk in chunks:
            decoder.write(chunk)
            for record in decoder.decode():
                yield f"{name} record {count}" if count else f"{name} metadata", record
                count += 1
        left = decoder.buffer()
    except GeneratorExit:
        raise
    except BaseException as error:  # the library panics over some bytes, by an exception that is no Exception
        if isinstance(error, Exception) or type(error).__name__ == _PANIC:
            raise _unreadable(name, count, str(error)) from error
        raise
    if left or not count:
        raise _unreadable(name, count, f"{len(left)} bytes that are no record at its end")


def _library() -> Any:
    try:
        return import_module("databento_dbn")
    except ImportError as error:
        msg = "reading DBN needs the package databento-dbn, which is not installed; install flatbook[dbn]"
        raise InvalidValueError(msg) from error


def _unreadable(name: str, count: int, error: str) -> FaultsError:
    return fault(
        where=f"{name} after record {count - 1}" if count > 1 else name,
        found=f"bytes that are no DBN ({error[:120]})",
        expected="a whole DBN file, as Databento delivers it",
        action=_AGAIN,
    )
