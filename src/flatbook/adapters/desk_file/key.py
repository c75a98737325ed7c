"""What a key of a desk file is: its type, unit, default and range; and a section, which is a table of them."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What a value must be in TOML; the value is how a person calls it."""

    TEXT = "text in quotes"
    NUMBER = "a number"
    WHOLE = "a whole number"
    NUMBERS = "a list of numbers"
    TEXTS = "a list of texts in quotes"
    SWITCH = "true or false"
    INSTANT = "a date and time with its zone, as 2019-06-21T13:30:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Bounds of a number; an open end is excluded."""

    low: float
    high: float = float("inf")
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside; NaN and the infinities never do."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open or self.high == float("inf") else value <= self.high
        return above and below

    def __str__(self) -> str:
        """As a person says it."""
        low, high = f"{self.low:,.10g}", f"{self.high:,.10g}"
        if self.high == float("inf"):
            return f"above {low}" if self.low_open else f"from {low} up"
        if self.low_open:
            return f"above {low}, {'below' if self.high_open else 'at most'} {high}"
        return f"from {low} to {high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a section. `default` None with `required` False means: may be left out."""

    name: str
    type: Type = Type.NUMBER
    text: str
    unit: str = ""
    default: object = None
    required: bool = False
    range: Range | None = None
    choices: tuple[str, ...] = ()
    decimal: bool = False  # a share or annual rate as a decimal, which people like to write in percent

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        unit = f" ({self.unit})" if self.unit else ""
        within = f" {self.range}" if self.range else ""
        return f"{self.type.value}{unit}{within}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of the file; a repeated one is written [[name]]."""

    name: str
    keys: tuple[Key, ...]
    repeated: bool = False
    required: bool = False

    @property
    def heading(self) -> str:
        """As it stands in the file."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"

    def key(self, name: str) -> Key | None:
        """The key called `name`, where there is one."""
        return next((key for key in self.keys if key.name == name), None)
