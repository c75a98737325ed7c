"""`make surface-quality`: fit every real chain that is there, hold the fits to their targets, and write the page."""

import argparse
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.surface_chains import Quality, Skipped, chains, judge
from flatbook.kernel_cache import sources_hash

SHARE_LEAST = 0.95
_POOR_SHOWN = 30

METHOD = """\
Each chain is read and looked at as `flatbook fit` does: forwards and rates from parity where there is any, implied
volatilities (of an American option those that give its American price), then one surface for all expiries of an underlying.
The SPX file of 2019-05-27, a holiday, is the day before under a new date: `flatbook fit` refuses it; here it is fitted once more
as though nobody knew.

- **Of all**: every live series with a bid above 0 and an offer, in the money or out, used in the fit or not. Its price off the
  surface, by the engine that values it in a plan, is held against its own bid and offer; inside is within half a spread of
  the middle. Target: at least 95 %.
- **Of fitted**: the two-sided quotes that the fit was given, one of each strike, in volatilities. Target: at least 95 %.
- **Possible**: the most of those quotes that any surface at all without butterfly and calendar arbitrage could lie between, by
  a mixed-integer linear programme over prices (`benchmarks/surface_bound.py`); for SPX without the calendar, expiry by expiry.
- **RMSE**: root mean square distance of the fit to the middle of bid and offer, in vol points, by expiry; the median over
  expiries. Targets: 0.5 for SPX, 1.0 for GOOG, AAPL and ES, 1.5 for Deribit when calm (30-day volatility
  of BTC below 60 %); in the crash it is reported.
- **Violations**: expiries where g is below 0, or total variance below that of the expiry before, anywhere on the checking grid of
  401 points. Target: 0.
- **Parity**: the median over expiries of the median residual of put-call parity, in basis points of the forward.
- **Humps**: local maxima of the density within 3 standard deviations that stand out by 2 % of the highest; the mean and the most
  over expiries. A density may have two before an event; more say that the fit follows single quotes.
- **Fit**: `market.calibrate.calibrate` on the quotes of one underlying, warm, one thread, no surface before; the least processor time of five.
"""


def main() -> int:
    """Judge every chain; the exit status is 1 where there is arbitrage."""
    asked = _arguments()
    found: list[Quality] = []
    skipped: list[Skipped] = []
    for chain in chains():
        for one in judge(chain):
            if isinstance(one, Skipped):
                skipped.append(one)
                print(f"skipped: {chain.family} {chain.name}: {one.reason}", flush=True)
            else:
                found.append(one)
                print(" ".join(_row(one)), flush=True)
    if asked.write:
        asked.write.parent.mkdir(parents=True, exist_ok=True)
        asked.write.write_text(render(found, skipped), encoding="utf-8")
        print(f"written: {asked.write}")
    return int(any(one.butterflies or one.calendars for one in found))


def render(found: list[Quality], skipped: list[Skipped]) -> str:
    """The page."""
    parts = [
        "# How good the surfaces are",
        "Made by `make surface-quality`, which fits the real chains beside the project and writes this page anew.",
        "## Method",
        METHOD.strip(),
        f"Taken on {_machine()}.",
        "## Against the targets",
        _table(
            ("data", "surfaces", "of all two-sided", "of fitted", "possible", "RMSE, points", "humps", "violations", "verdict"),
            [_verdict(family, group) for family, group in _families(found).items()],
        )
        if found
        else "No chain was there to fit.",
        "## By snapshot",
        _table(
            ("data", "snapshot", "underlying", "expiries", "refused", "two-sided", "of all, %", "fitted", "of fitted, %",
             "possible, %", "RMSE, points", "butterflies", "calendars", "least g", "least gap, %", "parity, bp", "humps", "fit, ms"),
            [_row(one) for one in found],
        ),
        "## What is missed, and why",
        _misses(found),
    ]  # fmt: skip
    if skipped:
        parts += [
            "## Not fitted",
            "\n".join(f"- {one.chain.family} {one.chain.name}: {one.reason}" for one in skipped),
        ]
    return "\n\n".join(parts) + "\n"


def _families(found: Iterable[Quality]) -> dict[str, list[Quality]]:
    out: dict[str, list[Quality]] = {}
    for one in found:
        family = one.chain.family
        out.setdefault(f"{family}, {one.underlying}" if family.startswith("Deribit") else family, []).append(
            one
        )
    return out


def _verdict(name: str, group: list[Quality]) -> tuple[str, ...]:
    of_all = sum(one.inside for one in group) / max(sum(one.two_sided for one in group), 1)
    fitted = sum(one.fitted * one.fitted_near for one in group) / max(sum(one.fitted for one in group), 1)
    possible = sum(one.fitted * one.met_most for one in group) / max(sum(one.fitted for one in group), 1)
    rmse = float(np.median([one.rmse for one in group]))
    humps = sum(one.modes[0] * one.expiries for one in group) / max(sum(one.expiries for one in group), 1)
    most = group[0].chain.rmse_most
    bad = sum(one.butterflies + one.calendars for one in group)
    short = [
        word
        for word, holds in (
            ("all two-sided", of_all >= SHARE_LEAST),
            ("fitted", fitted >= SHARE_LEAST),
            ("RMSE", most is None or rmse <= most),
            ("arbitrage", not bad),
        )
        if not holds
    ]
    return (
        name,
        str(len(group)),
        f"{100.0 * of_all:.1f} %",
        f"{100.0 * fitted:.1f} %",
        f"{100.0 * possible:.1f} %",
        f"{rmse:.2f} (target {most:g})" if most is not None else f"{rmse:.2f} (reported)",
        f"{humps:.2f}",
        str(bad),
        f"**short: {', '.join(short)}**" if short else "reached",
    )


def _row(one: Quality) -> tuple[str, ...]:
    return (
        one.chain.family,
        one.chain.name,
        one.underlying,
        str(one.expiries),
        str(one.refused),
        f"{one.two_sided:,d}",
        f"{100.0 * one.inside / max(one.two_sided, 1):.1f}",
        f"{one.fitted:,d}",
        f"{100.0 * one.fitted_near:.1f}",
        f"{100.0 * one.met_most:.1f}",
        f"{one.rmse:.2f}",
        str(one.butterflies),
        str(one.calendars),
        f"{one.least_g:.4f}",
        f"{100.0 * one.least_gap:.4f}",
        f"{one.parity:.2f}",
        f"{one.modes[0]:.1f} / {one.modes[1]}",
        f"{one.fit_ms:.1f}",
    )


def _misses(found: list[Quality]) -> str:
    parts = [
        "Series with two sides and a bid above 0 whose price off the surface lies outside, by the first reason that applies."
    ]
    rows = []
    for name, group in _families(found).items():
        total: Counter[str] = sum((one.misses for one in group), Counter())
        all_series = sum(one.two_sided for one in group)
        rows += [
            (name, reason, f"{count:,d}", f"{100.0 * count / all_series:.2f}")
            for reason, count in total.most_common()
        ]
    parts.append(_table(("data", "reason", "series", "% of its two-sided"), rows))
    poor = sorted(
        ((one, each) for one in found for each in one.poor),
        key=lambda pair: (1.0 - pair[1].share) * pair[1].fitted,
    )[::-1]
    parts.append(
        f"Expiries that were refused or miss more than one fitted quote in twenty: {len(poor)} of "
        f"{sum(one.expiries for one in found)}; those that miss most:"
    )
    parts.append(
        _table(
            ("data", "snapshot", "expiry", "kind", "fitted quotes", "within half a spread, %", "RMSE, points"),
            [
                (one.chain.family, one.chain.name, each.name, each.kind, str(each.fitted), f"{100.0 * each.share:.0f}",
                 f"{each.rmse:.2f}")
                for one, each in poor[:_POOR_SHOWN]
            ],
        )
    )  # fmt: skip
    return "\n\n".join(parts)


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _machine() -> str:
    return (
        f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"numba {version('numba')}, numpy {version('numpy')}, flatbook {version('flatbook')} (kernels {sources_hash()})"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.surface_quality", description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write; none if not given")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
