"""Whether a file of zstd frames is whole: the library that decodes DBN takes a torn one for a short one.

Source: RFC 8878, sections 3.1.1 and 3.1.2: a frame is a header, blocks that each tell their size and whether they are the last, and
four bytes of checksum where its header says so; a skippable frame tells its size.
"""

from pathlib import Path

_MAGIC = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_BYTES = (0, 2, 4, 8)
_RUN_LENGTH, _RESERVED = 1, 3


class _TornError(Exception):
    """A frame ends before its end."""


def is_whole(path: Path) -> bool:
    """Whether every frame ends where it says; raises OSError where the file cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:

        def take(count: int) -> int:
            raw = file.read(count)
            if len(raw) < count:
                raise _TornError
            return int.from_bytes(raw, "little")

        def skip(count: int) -> None:
            if file.tell() + count > size:
                raise _TornError
            file.seek(count, 1)

        try:
            while file.tell() < size:
                magic = take(4)
                if magic in _SKIPPABLE:
                    skip(take(4))
                    continue
                if magic != _MAGIC:
                    return False
                descriptor = take(1)
                skip(_header_bytes(descriptor))
                while True:
                    block = take(3)
                    kind = block >> 1 & 3
                    if kind == _RESERVED:
                        return False
                    skip(1 if kind == _RUN_LENGTH else block >> 3)
                    if block & 1:
                        break
                skip(4 if descriptor & 4 else 0)
        except _TornError:
            return False
    return size > 0


def _header_bytes(descriptor: int) -> int:
    """Of a frame's header behind its descriptor: window, dictionary, size of the content."""
    single = descriptor >> 5 & 1
    content = _CONTENT_BYTES[descriptor >> 6] or single
    return (1 - single) + _DICTIONARY_BYTES[descriptor & 3] + content
