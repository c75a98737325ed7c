"""SIGKILL at random moments under load, beside a venue that lives on, keeps orders, and does things wrong now and then."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.crash_checks import Seen, counted
from benchmarks.crash_stand import Stand, stand
from flatbook.live.venue_codec import FaultKind

WRONG: tuple[tuple[FaultKind, float], ...] = (
    ("repeat", 5.0), ("reorder", 3.0), ("lose", 2.0), ("drop", 1.0), ("silence", 0.5),
)  # fmt: skip
_EARLY = 0.25  # share of kills before the desk is known to be ready
_EARLY_S, _LATE_S = 4.0, 2.0  # within which they fall
_LAST_S = 5.0  # that the last desk runs
_LOOKS = 5  # kills between two looks into the venue's books


@dataclass(kw_only=True)
class Section:
    """One part of the report."""

    title: str
    what: str
    figures: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def quantiles(values: list[float]) -> str:
    """Half, nine tenths and most, in seconds."""
    if not values:
        return "none"
    half, most = np.quantile(values, (0.5, 0.9))
    return f"{half:.2f} s (p50), {most:.2f} s (p90), {max(values):.2f} s (most), of {len(values)}"


def ended(place: Stand, seen: Seen, section: Section, begun: float) -> Section:
    """Stop the last desk in order, and count."""
    desk = place.start()
    place.wait_ready(desk)
    time.sleep(_LAST_S)
    if (code := desk.stop()) != 0:
        section.faults.append(f"the last desk ended with code {code}: {place.said[-500:]}")
    counts = asdict(counted(place, seen, place.books()))
    section.faults += counts.pop("faults")
    section.figures |= counts
    section.figures["desks"] = place.started
    section.figures["time to ready"] = quantiles(place.ready_s)
    section.figures["errors in the log"] = place.log.count('"level": "error"')
    section.figures["took"] = f"{time.monotonic() - begun:,.0f} s"
    return section


def kills(count: int, seed: int, folder: Path, speed: float, told: Callable[[str], object]) -> Section:
    """Kill a desk so often, and read what it left."""
    section = Section(
        title="SIGKILL at random moments",
        what="A quarter of the kills fall into the first four seconds of a process, while it comes back; the others within two seconds of its "
        "first order. The venue keeps orders, trades on, and around every second kill repeats, reorders or loses reports, or drops the line.",
    )
    chance, seen, begun = np.random.default_rng(seed), Seen(), time.monotonic()
    early = 0
    with stand(folder, seed, speed) as place:
        for number in range(count):
            desk = place.start()
            if number and chance.random() < _EARLY:
                early += 1
                time.sleep(float(chance.uniform(0.0, _EARLY_S)))
            else:
                place.wait_ready(desk)
                if chance.random() < 0.5:
                    place.fault(*WRONG[int(chance.integers(len(WRONG)))])
                time.sleep(float(chance.uniform(0.0, _LATE_S)))
            seen.heads.append(place.last())
            desk.kill()
            seen.heads.append(place.last())
            if number % _LOOKS == _LOOKS - 1:
                seen.open_orders.append((place.last()[0], frozenset(place.books().orders)))
            told(f"kill {number + 1} of {count}: record {place.last()[0]}")
        section.figures |= {"kills": count, "of them while it came back": early}
        return ended(place, seen, section, begun)
