"""Figures as text inside a page's script element, which it cannot end."""

import json


def script_text(value: object) -> str:
    """JSON of `value`; six digits are more than a picture shows."""
    return json.dumps(_rounded(value), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
