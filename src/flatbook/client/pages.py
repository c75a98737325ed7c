"""What the desk shows, as tables: each list of rows is a DataFrame whose columns have the types that the API declares.

The types are those of the desk's own OpenAPI document, so that a table without rows has its columns, too, and a page that is new to this
client is a page all the same. Units end the names, as everywhere in flatbook; instants (`*_ns`) become `*_utc`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import polars as pl

from flatbook.client.errors import ProtocolError

INSTANT = pl.Datetime("ns", "UTC")
_DEEP = 6
_PLAIN: dict[str, pl.DataType] = {
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "string": pl.String(),
    "boolean": pl.Boolean(),
}
Schema = Mapping[str, Any]


class Page(Mapping[str, Any]):
    """One page: numbers and words by name, rows as DataFrames, parts as pages. `page.limits` is `page["limits"]`."""

    def __init__(self, title: str, parts: Mapping[str, Any]) -> None:
        self._title, self._parts = title, dict(parts)

    def __getitem__(self, name: str) -> Any:
        """A part by its name."""
        return self._parts[name]

    def __getattr__(self, name: str) -> Any:
        """A part by its name."""
        parts = self.__dict__.get("_parts", {})
        if name in parts:
            return parts[name]
        msg = f"this page has no {name!r}; it has {', '.join(parts)}"
        raise AttributeError(msg)

    def __iter__(self) -> Iterator[str]:
        """Names of its parts."""
        return iter(self._parts)

    def __len__(self) -> int:
        """How many parts it has."""
        return len(self._parts)

    def __dir__(self) -> list[str]:
        """What a notebook offers after the dot."""
        return [*super().__dir__(), *self._parts]

    def __repr__(self) -> str:
        """Every part on a line, tables by their size."""
        width = max(map(len, self._parts), default=0)
        lines = [f"  {name:<{width}}  {_short(value)}" for name, value in self._parts.items()]
        return "\n".join([self._title or "Page", *lines])


class Schemas:
    """What the API says of its answers."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        try:
            self._paths = {tuple(path.split("/")): told for path, told in document["paths"].items()}
            self._named: Mapping[str, Schema] = document["components"]["schemas"]
        except (KeyError, AttributeError, TypeError) as e:
            msg = "the API does not describe itself as OpenAPI"
            raise ProtocolError(msg) from e

    def of(self, path: str) -> Schema:
        """The schema of the answer to GET of a path; empty where nothing is declared."""
        asked = path.split("/")
        fits = [
            (len(template), _words(template), told)
            for template, told in self._paths.items()
            if _fits(template, asked) and "get" in told
        ]
        best = max(fits, key=lambda fit: fit[:2], default=None)
        content = best[2]["get"]["responses"].get("200", {}).get("content", {}) if best else {}
        found: Schema = content.get("application/json", {}).get("schema", {})
        return found

    def resolved(self, schema: Schema) -> Schema:
        """A schema itself, behind its name and without the null that it may be."""
        for _ in range(_DEEP):
            if "$ref" in schema:
                schema = self._named.get(str(schema["$ref"]).rpartition("/")[2], {})
            elif "anyOf" in schema:
                some = [one for one in schema["anyOf"] if one.get("type") != "null"]
                if len(some) != 1:
                    return {}
                schema = some[0]
            else:
                break
        return schema

    def shaped(self, value: Any, schema: Schema) -> Any:
        """A value of an answer as a program wants it: page, DataFrame, instant, or itself."""
        told = self.resolved(schema)
        if isinstance(value, dict) and "properties" in told:
            parts = {
                _renamed(name): self._part(name, each, told["properties"].get(name, {}))
                for name, each in value.items()
            }
            return Page(str(told.get("title", "")), parts)
        row = self.resolved(told.get("items", {})) if isinstance(value, list) else {}
        return self.table(value, row) if "properties" in row else value

    def table(self, rows: list[dict[str, Any]], row: Schema) -> pl.DataFrame:
        """Rows of one schema."""
        properties: Mapping[str, Schema] = row["properties"]
        kinds = {name: self._kind(name, each) for name, each in properties.items()}
        try:
            return pl.DataFrame(
                {
                    _renamed(name): pl.Series(
                        _renamed(name),
                        [_cell(each.get(name), kind) for each in rows],
                        dtype=kind,
                        strict=False,
                    )
                    for name, kind in kinds.items()
                }
            )
        except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError) as e:
            msg = f"rows of {row.get('title', 'a table')} are not as the API declares them: {e}"
            raise ProtocolError(msg) from e

    def _part(self, name: str, value: Any, schema: Schema) -> Any:
        return _instant(value) if _is_instant(name, value) else self.shaped(value, schema)

    def _kind(self, name: str, schema: Schema, deep: int = 0) -> pl.DataType:
        told = self.resolved(schema)
        if name.endswith("_ns") and told.get("type") == "string":
            return INSTANT
        if told.get("type") in _PLAIN:
            return _PLAIN[told["type"]]
        if told.get("type") == "array" and deep < _DEEP:
            of = told.get("prefixItems") or [told.get("items", {})]
            kinds = [self._kind("", each, deep + 1) for each in of]
            return pl.List(kinds[0]) if all(each == kinds[0] for each in kinds) else pl.String()
        if "properties" in told and deep < _DEEP:
            fields = {key: self._kind("", each, deep + 1) for key, each in told["properties"].items()}
            return pl.Struct(fields)
        return pl.String()


def _cell(value: Any, kind: pl.DataType) -> Any:
    """A value of JSON for a column of this type; what has no type of its own stays JSON."""
    if kind == INSTANT:
        return int(value) if value else None
    if isinstance(kind, pl.Struct) and isinstance(value, dict):
        inner = {each.name: _made(each.dtype) for each in kind.fields}
        return {name: _cell(value.get(name), of) for name, of in inner.items()}
    if isinstance(kind, pl.List) and isinstance(value, list):
        return [_cell(each, _made(kind.inner)) for each in value]
    if kind == pl.String() and not isinstance(value, str | None):
        return msgspec.json.encode(value).decode()
    return value


def _made(kind: Any) -> pl.DataType:
    """An instance of a type that polars may tell as a class."""
    made: pl.DataType = kind() if isinstance(kind, type) else kind
    return made


def _is_instant(name: str, value: Any) -> bool:
    return name.endswith("_ns") and isinstance(value, str) and (value.lstrip("-").isdecimal() or not value)


def _instant(text: str) -> Any:
    return pl.Series([int(text) if text else None], dtype=INSTANT).item()


def _renamed(name: str) -> str:
    return f"{name.removesuffix('_ns')}_utc" if name.endswith("_ns") else name


def _fits(template: tuple[str, ...], asked: list[str]) -> bool:
    tail = bool(template) and template[-1].startswith("{")
    if len(asked) < len(template) or (len(asked) > len(template) and not tail):
        return False
    return all(one == other or one.startswith("{") for one, other in zip(template, asked, strict=False))


def _words(template: tuple[str, ...]) -> int:
    return sum(not one.startswith("{") for one in template)


def _short(value: Any) -> str:
    if isinstance(value, pl.DataFrame):
        return f"{value.height} rows: {', '.join(value.columns)}"[:150]
    if isinstance(value, Page):
        return f"{len(value)} parts: {', '.join(value)}"[:150]
    return f"{value}"[:150]
