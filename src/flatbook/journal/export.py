"""A journal as lines of JSON, one record a line, for readers in other languages."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from flatbook.journal.replay import Decision, Source, read_records

DECISION_TYPE = "Decision"
_BESIDE = {"event": ("type", "sequence"), "decision": ("type", "cause")}  # told beside the fields


def json_lines(
    source: Source, *, first: int = 1, last: int | None = None, types: Collection[str] = ()
) -> Iterator[bytes]:
    """Records `first` to `last` as JSON objects with `sequence`, `kind`, `cause`, `type` and `fields`, without line ends.

    The chain is proven from the first record to `last`, whatever is left out.

    Parameters
    ----------
    types : collection of str
        Names of facts, or `Decision`; empty: all.

    Raises
    ------
    JournalError
        Naming the first record that is wrong, after those before it were given.
    """
    for record in read_records(source, last):
        if record.sequence < first:
            continue
        if isinstance(record, Decision):
            kind, cause, name, fields = "decision", record.sequence_of_cause, *_decided(record.payload)
        else:
            kind, cause, name = "event", 0, type(record).__name__
            fields = msgspec.to_builtins(record)
        if types and name not in types:
            continue
        yield msgspec.json.encode(
            {
                "sequence": record.sequence,
                "kind": kind,
                "cause": cause,
                "type": name,
                "fields": {key: each for key, each in fields.items() if key not in _BESIDE[kind]},
            }
        )


def _decided(payload: bytes) -> tuple[str, dict[str, Any]]:
    """Name and fields; bytes that are no map of MessagePack, as hexadecimal digits."""
    try:
        fields = msgspec.msgpack.decode(payload, type=dict[str, Any])
        msgspec.json.encode(fields)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return DECISION_TYPE, {"payload_hex": payload.hex()}
    return str(fields.get("type", DECISION_TYPE)), fields
