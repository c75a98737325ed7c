"""Two engines that disagree: our own requirement beside the one that a venue or clearing firm reports.

Both are shown, the worse one binds, and the difference has a limit of its own. A report that is missing, stale or not
usable is NaN with the reason: it never counts as agreement, and its difference counts as a breach, as every number does
that could not be computed. Until it is back our own number binds alone. Where our own number is unknown, nothing says that
the report is the worse of the two: what binds is unknown too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRequirement:
    """What a venue or clearing firm says that one account needs."""

    group: str
    source: str  # who says so
    currency: str
    requirement: float
    as_of_ns: int  # UTC: the positions and prices it was computed from


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRequirement:
    """What we say that it needs, beside the source that is expected to report it."""

    group: str
    source: str
    currency: str
    requirement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceLimits:
    """How far the two may be apart before somebody must look; either limit alone is a breach."""

    absolute: float = math.inf  # in the currency of the requirement
    relative: float = math.inf  # of our own requirement
    negligible: float = 0.0  # a difference up to this is within the relative limit, whatever it is a share of
    age_max_ns: int = 24 * 3_600 * 10**9  # older reports are stale
    ahead_max_ns: int = 0  # how far a report may be dated after now: clocks differ

    def __post_init__(self) -> None:
        """Refuse limits that bound nothing."""
        for name in ("absolute", "relative", "negligible", "age_max_ns", "ahead_max_ns"):
            value = getattr(self, name)
            if not value >= 0:
                msg = f"difference limit {name} must be 0 or more, was {value}"
                raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row for each account and source, in the order in which they were asked for; accounts that we lack come last."""

    group: tuple[str, ...]
    source: tuple[str, ...]
    currency: tuple[str, ...]
    own: Floats
    reported: Floats  # NaN where `reason` says why
    binding: Floats  # the worse of the two
    difference: Floats  # reported less own
    relative: Floats  # of own; inf where own is 0 and the report is not
    utilisation: Floats  # of the limit that is nearer; NaN where the two could not be compared
    breach: Bools
    reason: tuple[str, ...]  # empty where both were compared

    def binding_by_group(self) -> Mapping[str, float]:
        """The worst over the sources of each account; NaN where one of them is."""
        out: dict[str, float] = {}
        for group, binding in zip(self.group, self.binding.tolist(), strict=True):
            out[group] = float(np.maximum(out.get(group, binding), binding))
        return out


def compare(
    own: Sequence[OwnRequirement],
    reports: Iterable[ReportedRequirement],
    limits: DifferenceLimits,
    now_ns: int,
) -> Comparison:
    """Hold each own requirement against the newest report of its source.

    Parameters
    ----------
    own : sequence of OwnRequirement
        One for each account and source; refused where one comes twice.
    reports : iterable of ReportedRequirement
        Any number, any order: the newest of an account and source counts, of equally new ones the largest.
    limits : DifferenceLimits
    now_ns : int
        UTC nanoseconds.
    """
    expected = {(one.group, one.source): one for one in own}
    if len(expected) != len(own):
        msg = "an account and source came twice among our own requirements"
        raise InvalidValueError(msg)
    newest = _newest(reports)
    keys = list(dict.fromkeys((*expected, *newest)))
    rows = [(expected.get(key), newest.get(key)) for key in keys]
    reason = [_why_not(ours, theirs, limits, now_ns) for ours, theirs in rows]
    ours = np.array([math.nan if one is None else one.requirement for one, _ in rows], dtype=np.float64)
    usable = np.array([why in ("", _OWN_UNKNOWN, NO_POSITIONS) for why in reason], dtype=np.bool_)
    said = np.array([math.nan if one is None else one.requirement for _, one in rows], dtype=np.float64)
    theirs = np.where(usable, said, np.nan)
    difference = theirs - ours
    relative, utilisation = _against(difference, ours, limits)
    return Comparison(
        group=tuple(group for group, _ in keys),
        source=tuple(source for _, source in keys),
        currency=tuple(_first(*pair).currency for pair in rows),
        own=ours,
        reported=theirs,
        binding=np.where(np.isnan(theirs), ours, np.maximum(ours, theirs)),
        difference=difference,
        relative=relative,
        utilisation=utilisation,
        breach=~(utilisation <= 1.0),
        reason=tuple(reason),
    )


def _first(*those: OwnRequirement | ReportedRequirement | None) -> OwnRequirement | ReportedRequirement:
    """The first that is there."""
    return next(one for one in those if one is not None)


NO_POSITIONS = "no positions of that account here"
_OWN_UNKNOWN = "our own requirement is unknown"


def _newest(reports: Iterable[ReportedRequirement]) -> dict[tuple[str, str], ReportedRequirement]:
    """The newest of each account and source; a number counts before a NaN, and a larger one before a smaller."""
    out: dict[tuple[str, str], ReportedRequirement] = {}
    for one in reports:
        key = (one.group, one.source)
        if key not in out or _rank(one) > _rank(out[key]):
            out[key] = one
    return out


def _rank(one: ReportedRequirement) -> tuple[int, float]:
    return one.as_of_ns, -math.inf if math.isnan(one.requirement) else one.requirement


def _why_not(
    ours: OwnRequirement | None, theirs: ReportedRequirement | None, limits: DifferenceLimits, now_ns: int
) -> str:
    """Why the two cannot be compared; empty where they can."""
    if theirs is None:
        return "no report"
    age_ns = now_ns - theirs.as_of_ns
    tests = (
        (
            age_ns > limits.age_max_ns,
            f"stale: {age_ns / 1e9:.0f} s old, at most {limits.age_max_ns / 1e9:.0f} s",
        ),
        (-age_ns > limits.ahead_max_ns, f"dated {-age_ns / 1e9:.0f} s after now"),
        (
            not (math.isfinite(theirs.requirement) and theirs.requirement >= 0.0),
            f"not a requirement: {theirs.requirement:g}",
        ),
        (
            ours is not None and ours.currency != theirs.currency,
            f"in {theirs.currency}, ours is in {ours.currency if ours else ''}",
        ),
        (ours is None, NO_POSITIONS),
        (ours is not None and math.isnan(ours.requirement), _OWN_UNKNOWN),
    )
    return next((why for wrong, why in tests if wrong), "")


def _against(difference: Floats, own: Floats, limits: DifferenceLimits) -> tuple[Floats, Floats]:
    """The difference as a share of our own, and of the limit that is nearer."""
    size = np.abs(difference)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = np.where(difference == 0.0, 0.0, difference / own)
        share = np.where(size <= limits.negligible, 0.0, np.abs(relative))
        used = [
            np.where(part == 0.0, 0.0, part / limit)
            for part, limit in ((size, limits.absolute), (share, limits.relative))
        ]
    # an infinite limit bounds nothing, even where the difference is an infinite share of nothing
    used[1] = np.where(np.isinf(limits.relative) & ~np.isnan(difference), 0.0, used[1])
    return relative, np.where(np.isnan(difference), np.nan, np.maximum(used[0], used[1]))
