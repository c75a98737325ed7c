"""Facts to bytes and back: MessagePack, each with the name of its type.

Fields at their defaults are left out. A float keeps its bits, NaN included.
"""

import msgspec

from flatbook.model.errors import FlatbookError, JournalError
from flatbook.model.events import Event
from flatbook.model.facts import Fact

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Fact] = msgspec.msgpack.Decoder(Fact)


def encode(event: Event) -> bytes:
    """The event as bytes.

    Raises
    ------
    JournalError
        A number is too large to write, or a field holds what no fact may.
    """
    try:
        return _ENCODER.encode(event)
    except (OverflowError, TypeError, UnicodeEncodeError, msgspec.MsgspecError) as e:
        msg = f"{type(event).__name__} cannot be written: {e}; mend what made this event"
        raise JournalError(msg) from e


def decode(raw: bytes) -> Fact:
    """The fact in `raw`.

    Raises
    ------
    JournalError
        The bytes are no fact that this version knows.
    """
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, FlatbookError, RecursionError, UnicodeDecodeError) as e:
        msg = f"no fact of this version of flatbook: {e}; bytes were {raw[:80]!r}"
        raise JournalError(msg) from e
