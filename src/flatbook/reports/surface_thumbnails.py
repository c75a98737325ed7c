"""Every expiry's smile as a small picture in SVG, so that forty of them can be looked over at once, printed, and picked."""

from typing import NamedTuple

from flatbook.reports.charts import Tick, nice_ticks, pieces
from flatbook.reports.numbers import day, percent, plain
from flatbook.reports.surface_frame import Frame, frame_of
from flatbook.reports.surface_schema import ExpiryFit, FittedQuote, SurfaceFit

WIDTH, HEIGHT = 190.0, 92.0
_QUOTES = 70  # bars drawn of one expiry; those that the fit misses are always drawn


class Thumbnail(NamedTuple):
    """One expiry; `number` is its place in the surface."""

    number: int
    title: str
    text: str
    poor: bool
    line: tuple[str, ...]
    quoted: str  # an SVG path of bid-ask bars
    missed: str
    forward_x: float
    ticks: tuple[Tick, ...]


def thumbnails(surface: SurfaceFit) -> tuple[Thumbnail, ...]:
    """Those that have a smile, by time."""
    found = ((at, one, frame_of(one)) for at, one in enumerate(surface.expiries))
    return tuple(_thumbnail(at, one, frame) for at, one, frame in found if frame is not None)


def _thumbnail(at: int, one: ExpiryFit, frame: Frame) -> Thumbnail:
    assert one.curve is not None, one.expiry
    line = [
        (_x(k, frame), _y(vol, frame))
        for k, vol in zip(one.curve.log_moneyness, one.curve.vol, strict=True)
        if vol is not None and frame.low_k <= k <= frame.high_k
    ]
    share = one.share_within_half_spread
    inside = [each for each in one.quotes if each.inside]
    ticks = nice_ticks(frame.low_vol, frame.high_vol, 3)
    decimals = 0 if frame.high_vol - frame.low_vol > 0.04 else 1
    return Thumbnail(
        number=at,
        title=f"{one.option_class} {day(one.expiry)}",
        text="refused" if one.kind == "refused" else f"{plain(one.days, 0)} d · {percent(share)}",
        poor=one.kind == "refused" or (share is not None and share < 0.95),
        line=pieces(list(line)),
        quoted=_bars(inside[:: max(-(-len(inside) // _QUOTES), 1)], frame),
        missed=_bars([each for each in one.quotes if not each.inside], frame),
        forward_x=_x(0.0, frame),
        ticks=tuple(
            Tick(_y(at, frame), percent(at, decimals))
            for at in ticks
            if frame.low_vol <= at <= frame.high_vol
        ),
    )


def _bars(some: list[FittedQuote], frame: Frame) -> str:
    return "".join(
        f"M{_x(each.log_moneyness, frame):g} {_y(each.vol_bid, frame):g}V{_y(each.vol_ask, frame):g}"
        for each in some
        if each.vol_bid is not None
        and each.vol_ask is not None
        and frame.low_k <= each.log_moneyness <= frame.high_k
    )


def _x(k: float, frame: Frame) -> float:
    return round((k - frame.low_k) / (frame.high_k - frame.low_k) * WIDTH, 1)


def _y(vol: float, frame: Frame) -> float:
    inside = min(max(vol, frame.low_vol), frame.high_vol)
    return round((frame.high_vol - inside) / (frame.high_vol - frame.low_vol) * HEIGHT, 1)
