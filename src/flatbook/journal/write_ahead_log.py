"""Whether the log beside a journal was damaged where it had been safe on disk.

SQLite takes the log up to its first frame that is not what was written, and drops the rest without a word. A power cut
leaves such a frame in the last commit only, which nobody was told of; two marks of commits at or after it tell that
records which were acknowledged would be dropped.
Source: sqlite.org/fileformat2.html, section 4, "The Write-Ahead Log".
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

_HEADER, _FRAME_HEADER = 32, 24  # bytes
_SMALLEST_FRAME = _FRAME_HEADER + 512
_MAGIC = 0x377F0682  # its last bit says that the words of checksums are big-endian
_WORD = 2**32
_FRAMES_AT_ONCE = 1_000
_Words = np.ndarray[Any, np.dtype[np.uint64]]
_Flags = np.ndarray[Any, np.dtype[np.bool_]]
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def damage_in(log: Path) -> str:
    """Where the log is broken before its last commit; empty where it is whole, torn at its end only, or not there.

    A writer at work can make a whole log look broken; the same answer twice is damage.
    """
    try:
        raw = np.fromfile(log, dtype=np.uint8)
    except FileNotFoundError:
        return ""
    if (
        raw.size < _HEADER + _SMALLEST_FRAME or not raw.any()
    ):  # room that was reserved, and nothing written yet
        return ""
    magic, _, page = (int(word) for word in raw[:12].view(">u4"))
    order = ">u4" if magic & 1 else "<u4"
    if magic | 1 != _MAGIC | 1 or not _is_header(raw[:_HEADER], order):
        return "its header is not what was written"
    frame_bytes = _FRAME_HEADER + page
    count = (raw.size - _HEADER) // frame_bytes
    frames = raw[_HEADER : _HEADER + count * frame_bytes].reshape(count, frame_bytes)
    first, second = (_words(frames[:, 8:16], ">u4") == _words(raw[None, 16:24], ">u4")).T
    marks = (first | second) & frames[:, 4:8].any(axis=1)  # one number of the generation may be what was hit
    broken = _first_broken(raw, frames, first & second, order)
    if broken == count or np.count_nonzero(marks[broken:]) < 2:
        return ""
    return f"frame {broken + 1} of generation {raw[16:24].tobytes().hex()} is not what was written"


def _first_broken(raw: _Bytes, frames: _Bytes, ours: _Flags, order: str) -> int:
    """Number of whole frames before the first that is not; the count of all where there is none."""
    before = raw[24:32]
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        some = frames[start : start + _FRAMES_AT_ONCE]
        told = some[:, 16:24]
        seeds = _words(np.concatenate((before[None, :], told[:-1])), ">u4")
        content = _words(np.concatenate((some[:, :8], some[:, _FRAME_HEADER:]), axis=1), order)
        whole = (_checksum(seeds, content) == _words(told, ">u4")).all(axis=1)
        whole &= ours[start : start + len(some)]
        if not whole.all():
            return start + int(np.argmin(whole))
        before = told[-1]
    return len(frames)


def _is_header(header: _Bytes, order: str) -> bool:
    found = _checksum(np.zeros((1, 2), dtype=np.uint64), _words(header[None, :24], order))
    return bool((found == _words(header[None, 24:], ">u4")).all())


def _words(raw: _Bytes, order: str) -> _Words:
    return np.ascontiguousarray(raw).view(order).astype(np.uint64)


def _checksum(seeds: _Words, words: _Words) -> _Words:
    """Both sums of each row, uint64[n, 2]: `s0 += x[i] + s1; s1 += x[i+1] + s0` from `seeds`, modulo 2**32."""
    power, terms = _coefficients(words.shape[1] // 2)
    return (seeds @ power + words @ terms) % np.uint64(_WORD)


@lru_cache(maxsize=4)
def _coefficients(pairs: int) -> tuple[_Words, _Words]:
    """What the seeds, uint64[2, 2], and each word, uint64[2 pairs, 2], add to the two sums: the recursion is linear."""
    a, b, c, d = 1, 0, 0, 1
    terms = []
    for _ in range(pairs):
        terms.append(((a + b, c + d), (b, d)))
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    rows = [row for pair in reversed(terms) for row in pair]
    return np.array(((a, c), (b, d)), dtype=np.uint64), np.array(rows, dtype=np.uint64)
