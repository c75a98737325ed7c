"""Instants: text and local times to UTC nanoseconds and back, exactly.

Only years 1971 to 2261 are taken, so that every instant fits a signed 64-bit count of nanoseconds.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from flatbook.model.errors import InvalidValueError

SECOND_NS = 1_000_000_000
NEW_YORK = "America/New_York"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EXPECTED = (
    "an ISO 8601 time with its zone, such as 2019-05-03T16:00:00-04:00 or 2019-05-03T20:00:00.123456789Z"
)


@lru_cache(maxsize=65536)
def parse_instant(text: str) -> int:
    """UTC nanoseconds of an ISO 8601 time that states its zone.

    Raises
    ------
    InvalidValueError
        No such time, no zone, or a year outside 1971 to 2261.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise InvalidValueError(_complaint(text, "which is no such time"))
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if zone is None:
        raise InvalidValueError(_complaint(text, "a time without a zone"))
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=_zone_of(zone)
        )
    except ValueError as error:
        raise InvalidValueError(_complaint(text, "which does not exist")) from error
    if not 1971 <= moment.year <= 2261:
        raise InvalidValueError(_complaint(text, "a year outside 1971 to 2261"))
    return _ns_of(moment) + int((fraction or "").ljust(9, "0"))


def print_instant(instant_ns: int) -> str:
    """The instant as ISO 8601 in UTC, with as many decimals as it needs."""
    seconds, rest = divmod(instant_ns, SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


@lru_cache(maxsize=4096)
def local_instant(day: date, at: time, zone: str) -> int:
    """UTC nanoseconds of a wall-clock time on one day in one zone."""
    return _ns_of(datetime.combine(day, at, tzinfo=ZoneInfo(zone)))


def local_time(instant_ns: int, zone: str) -> datetime:
    """The wall clock in `zone` at an instant, whole seconds."""
    return (_EPOCH + timedelta(seconds=instant_ns // SECOND_NS)).astimezone(ZoneInfo(zone))


def _ns_of(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * SECOND_NS + since.microseconds * 1000


def _zone_of(text: str) -> timezone:
    if text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _complaint(text: str, wrong: str) -> str:
    return f"time: found {text[:40]!r}, {wrong}; expected {_EXPECTED}"
