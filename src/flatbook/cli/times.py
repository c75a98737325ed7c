"""Times as people type them: ISO 8601 with a zone, because a time without one is two times."""

from datetime import UTC, datetime

from flatbook.model.errors import Fault, FaultsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_at(text: str) -> int:
    """UTC nanoseconds of an ISO 8601 time with zone.

    Raises
    ------
    FaultsError
        Not a time, or a time without zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise FaultsError(
            [
                Fault(
                    where="--at",
                    found=repr(text),
                    expected="a time with its zone, such as 2015-12-24T11:00-05:00 or 2020-01-06T12:00Z",
                    action="write the offset from UTC behind the time",
                )
            ]
        )
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
