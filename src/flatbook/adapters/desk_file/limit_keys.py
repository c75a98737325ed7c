"""What a limit of each measure may be narrowed to in a desk file."""

from flatbook.model.parameters import LimitMeasure

_ANY_SCOPE = ("group", "option_class", "bucket", "series")
_WHOLE = ("group",)  # measures of whole underlyings
SCOPE_OF_MEASURE: dict[
    LimitMeasure, tuple[str, ...]
] = {  # beside `underlying`, which every measure may carry
    LimitMeasure.SERIES_CONTRACTS: _ANY_SCOPE,
    LimitMeasure.CLASS_CONTRACTS: ("option_class",),
    LimitMeasure.NET_CONTRACTS: _ANY_SCOPE,
    LimitMeasure.GROSS_CONTRACTS: _ANY_SCOPE,
    LimitMeasure.SAME_SIDE_CONTRACTS: ("group", "option_class"),
    LimitMeasure.DELTA_USD: _ANY_SCOPE,
    LimitMeasure.GAMMA_USD_PER_PCT: _ANY_SCOPE,
    LimitMeasure.VEGA_USD_PER_POINT: _ANY_SCOPE,
    LimitMeasure.VEGA_WEIGHTED_USD_PER_POINT: _ANY_SCOPE,
    LimitMeasure.SKEW_USD_PER_POINT: _WHOLE,
    LimitMeasure.THETA_USD_PER_DAY: _ANY_SCOPE,
    LimitMeasure.CONCENTRATION_PCT: ("group", "option_class", "floor_usd_per_point"),
    LimitMeasure.CLASS_SHARE_PCT: ("group", "floor_usd"),
    LimitMeasure.UNDERLYING_SHARE_PCT: ("group", "floor_usd"),
    LimitMeasure.UNUSABLE_QUOTES_PCT: ("group", "option_class"),
}


def scope_of_measure(measure: LimitMeasure) -> tuple[str, ...]:
    """The keys of scope that a limit of this measure may have beside `underlying`."""
    return SCOPE_OF_MEASURE.get(measure, _WHOLE)
