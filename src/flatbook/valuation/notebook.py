"""One line from a notebook: `flatbook.valuation.value(...)` and `flatbook.valuation.imply(...)`.

Columns are numpy arrays, lists or single values, which hold for every row; or a frame (polars, pandas) whose columns carry
the same names. Names, units and engines are those of `flatbook price`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats
from flatbook.valuation.case_values import GREEKS, NOISE, TOLERANCE, imply_cases, value_cases
from flatbook.valuation.cases import OK, Cases, Dividend, Texts, read_dividends

UNITS = {
    "vega": "vega_per_unit_vol",
    "theta": "theta_per_year",
    "rho": "rho_per_unit_rate",
    "vanna": "vanna_per_unit_vol",
    "volga": "volga_per_unit_vol2",
    "charm": "charm_per_year",
}
NAMES = tuple(UNITS.get(name, name) for name in GREEKS)  # the columns of an answer
_NUMBERS = {"spot": np.nan, "forward": np.nan, "dividend_yield": 0.0, "rate": np.nan}
_NEEDED = {"strike", "years", "rate", "right", "exercise"}
_WORDS: dict[str, dict[str, float]] = {
    "exercise": {"european": 0.0, "american": 1.0},
    "right": {"call": 1.0, "put": -1.0},
    "dividend_model": {"spot": 1.0, "escrowed": 0.0},
    "settlement": {"cash": 0.0, "coin": 1.0},
}
_USUAL = {"dividend_model": "spot", "settlement": "cash", "engine": "auto", "cash_dividends": None}
_KNOWN = {*_NUMBERS, *_NEEDED, *_USUAL, "vol", "price"}


def value(frame: Any = None, /, *, tolerance: float = TOLERANCE, **columns: Any) -> Any:
    """Price options of any kind, with all their Greeks.

    Parameters
    ----------
    frame : polars or pandas frame, or a mapping of columns, optional
        Columns other than those named here are passed on.
    tolerance : float
        Error of a price that is welcome for speed, relative to max(price, 1 % of the spot).
    **columns
        exercise (european, american), right (call, put), spot or forward, strike, years, rate, vol; and where they
        differ from the usual: dividend_yield (0), cash_dividends ("years:amount;years:amount", or pairs),
        dividend_model (spot, escrowed), settlement (cash, coin), engine (auto). Rates, yields and vol are continuous
        annual decimals.

    Returns
    -------
    The frame with the answers beside its columns; a dictionary of numpy arrays where there is no frame: price, delta,
    gamma, vega_per_unit_vol, theta_per_year, rho_per_unit_rate, vanna_per_unit_vol, volga_per_unit_vol2, charm_per_year,
    engine, error_bound (of the price, relative to max(price, 1 % of the spot)), status (ok, or why a row has no value).

    Raises
    ------
    InvalidValueError
        A column is missing, unknown or of another length. A row that cannot be valued raises nothing: see status.

    Examples
    --------
    >>> import flatbook
    >>> put = flatbook.valuation.value(
    ...     exercise="american", right="put", spot=100.0, strike=[95.0, 105.0], years=0.5, rate=0.04, vol=0.25)
    >>> put["price"].round(2).tolist()
    [4.0, 8.99]
    """
    given = _columns(frame, columns)
    read = _Reader(given)
    cases, unread = read.cases("vol"), read.unread
    found = value_cases(cases, tolerance)
    answers: dict[str, Any] = dict(zip(NAMES, found.greeks, strict=True))
    answers |= {"engine": found.engine, "error_bound": found.error_bound}
    return _answer(frame, given, answers, found.status, unread)


def imply(frame: Any = None, /, *, noise: float = NOISE, tolerance: float = TOLERANCE, **columns: Any) -> Any:
    """Imply the volatility of every price.

    Parameters
    ----------
    frame, tolerance, **columns
        As for `value`, with price in place of vol.
    noise : float
        Smallest price step that means something; a time value under half of it tells no volatility.

    Returns
    -------
    As from `value`: vol, engine, status.

    Raises
    ------
    InvalidValueError
        As for `value`.

    Examples
    --------
    >>> import flatbook
    >>> flatbook.valuation.imply(
    ...     exercise="european", right="call", forward=100.0, strike=100.0, years=1.0, rate=0.0, price=7.965567)["vol"].round(6)
    array([0.2])
    """
    given = _columns(frame, columns)
    read = _Reader(given)
    cases, price = read.cases("price"), read.numbers("price", np.nan)
    found = imply_cases(cases, price, noise, tolerance)
    return _answer(frame, given, {"vol": found.vol, "engine": found.engine}, found.status, read.unread)


def _columns(frame: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """Every column that was given, by name; those of the frame first."""
    out: dict[str, Any] = {}
    if isinstance(frame, Mapping):
        out |= frame
    elif frame is not None:
        out |= {name: frame[name] for name in frame.columns}
    unknown = sorted(set(columns) - _KNOWN)
    if unknown:
        message = f"no column {', '.join(unknown)}: {', '.join(sorted(_KNOWN))}"
        raise InvalidValueError(message)
    return out | columns


def _answer(frame: Any, given: dict[str, Any], answers: dict[str, Any], status: Texts, unread: Bools) -> Any:
    """The answers in the dress of what was asked."""
    for name, column in answers.items():
        if name != "engine":
            column[unread] = np.nan
    answers["status"] = np.where(unread & (status == OK), "a word or number cannot be read", status)
    if frame is None or isinstance(frame, Mapping):
        return answers
    kept = {name: column for name, column in given.items() if name not in answers}
    full = {name: _repeated(name, column, status.size) for name, column in kept.items()}
    return type(frame)(full | {name: column.tolist() for name, column in answers.items()})


def _repeated(name: str, column: Any, size: int) -> Any:
    """A single value on every row."""
    if not _is_column(name, column):
        return [column] * size
    return _list(column, size) if len(column) != size else column


class _Reader:
    """Reads columns into cases; `unread` tells rows of which a word is none of those allowed."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._size = max(
            (len(column) for name, column in given.items() if _is_column(name, column)), default=1
        )
        self.unread = np.zeros(self._size, dtype=np.bool_)

    def cases(self, known: str) -> Cases:
        """The cases, of which `known` (vol or price) is given."""
        missing = sorted((_NEEDED | {known}) - set(self._given))
        if missing or not {"spot", "forward"} & set(self._given):
            message = f"missing: {', '.join(missing) or 'spot or forward'}"
            raise InvalidValueError(message)
        return Cases(
            american=self._word("exercise") > 0.0,
            sign=self._word("right"),
            spot=self.numbers("spot", np.nan),
            forward=self.numbers("forward", np.nan),
            strike=self.numbers("strike", np.nan),
            years=self.numbers("years", np.nan),
            rate=self.numbers("rate", np.nan),
            dividend_yield=self.numbers("dividend_yield", 0.0),
            vol=self.numbers("vol", np.nan) if known == "vol" else np.full(self._size, np.nan),
            dividends=self._dividends(),
            spot_model=self._word("dividend_model") > 0.0,
            coin=self._word("settlement") > 0.0,
            engine=tuple(str(one or "auto") for one in self._objects("engine", "auto")),
        )

    def numbers(self, name: str, empty: float) -> Floats:
        """A column of numbers, `empty` where nothing is given."""
        column = np.asarray(self._given.get(name, empty))
        if column.dtype == object:
            column = np.array([empty if one is None else one for one in column.ravel().tolist()])
        try:
            numbers = column.astype(np.float64)
        except (TypeError, ValueError) as error:
            message = f"{name}: {error}"
            raise InvalidValueError(message) from None
        self._check(name, numbers)
        return np.broadcast_to(numbers, self._size).copy()

    def _word(self, name: str) -> Floats:
        words = self._objects(name, _USUAL.get(name, ""))
        allowed = _WORDS[name]
        read = [allowed.get(str(word).strip().lower(), np.nan) for word in words]
        out = np.array(read, dtype=np.float64)
        self.unread |= np.isnan(out)
        return np.nan_to_num(out)

    def _objects(self, name: str, usual: Any) -> Sequence[Any]:
        column = self._given.get(name, usual)
        if not _is_column(name, column):
            return [column] * self._size
        self._check(name, column)
        return [column[0] if len(column) == 1 else one for one in _list(column, self._size)]

    def _check(self, name: str, column: Any) -> None:
        size = np.size(column) if isinstance(column, np.ndarray) else len(column)
        if np.ndim(column) > 1 or size not in (1, self._size):
            message = f"{name}: {size} values where the longest column has {self._size}"
            raise InvalidValueError(message)

    def _dividends(self) -> tuple[tuple[Dividend, ...], ...]:
        column = self._given.get("cash_dividends")
        rows = [column] * self._size if _is_schedule(column) else self._objects("cash_dividends", None)
        out = []
        for at, one in enumerate(rows):
            paid = read_dividends(one) if one is None or isinstance(one, str) else _pairs(one)
            self.unread[at] |= paid is None
            out.append(paid or ())
        return tuple(out)


def _list(column: Any, size: int) -> list[Any]:
    return list(column) if len(column) == size else list(column) * size


def _is_column(name: str, column: Any) -> bool:
    """Whether a value has rows; a word has none, nor has one schedule of dividends for all rows."""
    if isinstance(column, str) or not hasattr(column, "__len__") or np.ndim(cast("Any", column)) == 0:
        return False
    return not (name == "cash_dividends" and _is_schedule(column))


def _is_schedule(column: Any) -> bool:
    """Pairs of two numbers: one schedule for all rows."""
    return (
        isinstance(column, list | tuple)
        and all(
            isinstance(one, list | tuple) and len(one) == 2 and all(np.ndim(part) == 0 for part in one)
            for one in column
        )
        and not any(isinstance(part, list | tuple) for one in column for part in one)
    )


def _pairs(schedule: Any) -> tuple[Dividend, ...] | None:
    try:
        paid = tuple(Dividend(float(years), float(amount)) for years, amount in schedule)
    except (TypeError, ValueError):
        return None
    return paid if all(one.years >= 0.0 and one.amount >= 0.0 for one in paid) else None
