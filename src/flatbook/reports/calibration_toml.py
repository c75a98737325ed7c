"""The `[[flow]]` tables that a journal speaks for, to be pasted into a desk file."""

import json
from collections.abc import Iterator

from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.reports.calibration import Estimates, UnderlyingEstimates, terms_of
from flatbook.riskprice.calibration import Calibrated


def flow_toml(found: Estimates, journal: str) -> str:
    """TOML, a table for each underlying of which something is told; what is not told says so beside its number."""
    lines = [
        f"# {' '.join(journal.split())}: estimates with their standard errors, in place of the [[flow]] tables of these underlyings"
    ]
    for each in found.underlyings:
        lines += ["", *_table(each)]
    return "\n".join(lines) + "\n"


def _table(found: UnderlyingEstimates) -> Iterator[str]:
    best, terms = found.flow.best, terms_of(found)
    parts = (
        best.requests_per_day, best.customers_buy_share, best.decay_per_point, found.contracts, found.adverse_points,
    )  # fmt: skip
    if not any(part.verified for part in parts):
        yield f"# {' '.join(found.underlying.split())}: {UNVERIFIED}: the journal tells nothing of its flow"
        return
    yield "[[flow]]"
    yield f"underlying = {json.dumps(found.underlying)}"
    yield f'shape = "{terms.shape.value}"{"" if best.told else _flag()}'
    yield from _pair("requests_per_day", best.requests_per_day, "requests_error")
    yield from _pair("customers_buy_share", best.customers_buy_share)
    yield from _pair("decay_per_point", best.decay_per_point, "decay_error")
    if terms.offset or best.offset.verified:
        yield from _pair("offset", best.offset)
    yield from _pair("contracts", found.contracts)
    yield from _pair("adverse_selection_points", found.adverse_points, "adverse_selection_error")


def _pair(name: str, part: Calibrated, error: str = "") -> Iterator[str]:
    if part.standard_error is None:
        yield f"{name} = {part.value:.6g}{_flag()}"
    elif error:
        yield f"{name} = {part.value:.6g}"
        yield f"{error} = {part.standard_error:.3g}"
    else:
        yield f"{name} = {part.value:.6g}  # standard error {part.standard_error:.2g}"


def _flag() -> str:
    return f"  # {UNVERIFIED}"
