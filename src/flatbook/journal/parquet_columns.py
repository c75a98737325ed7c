"""Facts and decisions as columns: which type each field has in Parquet, and its value as that type.

A number, a text or a flag is a column; columns of a fact are lists; a record within a record is a struct. What has no such shape, as the
parameters of a desk, is the text of its JSON. An enumeration is the text or the number that the journal keeps.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
import polars as pl
from msgspec import inspect

Convert = Callable[[Any], Any]
_PLAIN: dict[type, pl.DataType] = {
    inspect.IntType: pl.Int64(),
    inspect.FloatType: pl.Float64(),
    inspect.StrType: pl.String(),
    inspect.BoolType: pl.Boolean(),
}
_DEEPEST = 3  # records within records; deeper ones are JSON


def columns_of(kind: type[msgspec.Struct]) -> dict[str, tuple[pl.DataType, Convert]]:
    """Each field of a record: its type in Parquet, and what makes a value of that type of it."""
    told = inspect.type_info(kind)
    assert isinstance(told, inspect.StructType), f"{kind} is no record"
    return {field.name: _shape(field.type, 0) for field in told.fields}


def _shape(told: inspect.Type, depth: int) -> tuple[pl.DataType, Convert]:
    """Type and conversion of one field; None is null whatever the type."""
    if type(told) in _PLAIN:
        return _PLAIN[type(told)], _same
    match told:
        case inspect.EnumType(cls=cls):
            return (pl.String() if issubclass(cls, str) else pl.Int64()), _value
        case inspect.UnionType(types=types):
            others = [each for each in types if not isinstance(each, inspect.NoneType)]
            if len(others) == 1:
                inner, convert = _shape(others[0], depth)
                return inner, convert if convert is _same else _optional(convert)
        case inspect.VarTupleType(item_type=item):
            inner, convert = _shape(item, depth)
            return pl.List(inner), list if convert is _same else _listed(convert)
        case inspect.StructType(fields=fields) if depth < _DEEPEST and not _is_json(told):
            shapes = {field.name: _shape(field.type, depth + 1) for field in fields}
            return pl.Struct({name: kind for name, (kind, _) in shapes.items()}), _struct(shapes)
        case _:
            pass
    return pl.String(), _json


def _is_json(told: inspect.StructType) -> bool:
    """Parameters with records of their own are text: their fields come and go with the version."""
    return any(isinstance(field.type, inspect.StructType) for field in told.fields)


def _same(value: Any) -> Any:
    return value


def _value(value: Enum) -> Any:
    return value.value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _listed(convert: Convert) -> Convert:
    return lambda values: [convert(value) for value in values]


def _struct(shapes: dict[str, tuple[pl.DataType, Convert]]) -> Convert:
    fields = [(name, convert) for name, (_, convert) in shapes.items()]
    return lambda record: {name: convert(getattr(record, name)) for name, convert in fields}
