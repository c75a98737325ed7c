"""How a journal file is laid out, and the chain that binds its records.

Each record's `chain` is a 32-byte BLAKE2b of the chain before it and of the record itself; the first continues a hash
of the manifest. docs/journal-format.md tells the same for readers in other languages.
"""

import hashlib
from collections.abc import Mapping

FORMAT_VERSION = 1
APPLICATION_ID = 0x666C6174  # "flat"
EVENT, DECISION = "event", "decision"
CHAIN_BYTES = 32

# Readers hold the text of a file's tables against this one: a change of it, even of a blank, is another format.
SCHEMA = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    cause INTEGER NOT NULL,
    payload BLOB NOT NULL,
    chain BLOB NOT NULL
);
CREATE TABLE seal (sequence INTEGER PRIMARY KEY, chain BLOB NOT NULL);
"""


def first_link(manifest: Mapping[str, str]) -> bytes:
    """The 32 bytes that the first record continues."""
    link = hashlib.blake2b(b"flatbook journal", digest_size=CHAIN_BYTES)
    for key, value in sorted(manifest.items()):
        for part in (key.encode(), value.encode()):
            link.update(len(part).to_bytes(8, "big") + part)
    return link.digest()


def next_link(previous: bytes, sequence: int, kind: str, cause: int, payload: bytes) -> bytes:
    """The 32 bytes that bind this record to all before it.

    Parameters
    ----------
    previous : bytes
        The link of the record before, or `first_link`.
    sequence, cause : int
        This record's number; for a decision the number of the event that caused it, else 0.
    """
    link = hashlib.blake2b(previous, digest_size=CHAIN_BYTES)
    link.update(sequence.to_bytes(8, "big") + cause.to_bytes(8, "big"))
    link.update(len(kind).to_bytes(1, "big") + kind.encode())
    link.update(payload)
    return link.digest()
