"""Find every null of a report's JSON, and those that no reason explains."""

import json

KEYS = ("symbol", "name", "scope", "bucket", "factor", "option_class", "underlying")


def nulls(raw):
    """Paths of every null, twice: with the rows' own names, and with stars."""
    return list(_walk(json.loads(raw), "", ""))


def unexplained(raw):
    """Paths of nulls that `reasons` does not cover; a hedge that is not chosen says why in its own row."""
    reasons = [each["path"] for each in json.loads(raw)["reasons"]]
    return [
        path
        for path, starred in nulls(raw)
        if not path.endswith(".chosen")
        and not any(_covers(reason, one) for reason in reasons for one in (path, starred))
    ]


def _covers(reason, path):
    return path == reason or path.startswith((reason + ".", reason + "["))


def _walk(value, path, starred):
    if value is None:
        yield path, starred
    elif isinstance(value, dict):
        for name, part in value.items():
            dot = "." if path else ""
            yield from _walk(part, f"{path}{dot}{name}", f"{starred}{dot}{name}")
    elif isinstance(value, list):
        for part in value:
            key, star = (f"[{_key(part)}]", "[*]") if isinstance(part, dict) and _key(part) else ("", "")
            yield from _walk(part, path + key, starred + star)


def _key(row):
    if "expiry" in row and "symbol" not in row:
        return f"{row['option_class']} {row['expiry']}"
    return next((row[key] for key in KEYS if key in row), "")
