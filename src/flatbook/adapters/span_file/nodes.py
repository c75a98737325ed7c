"""SPAN XML as a tree of plain nodes, with the line of each; a document type declaration is refused, entities with it.

Contracts (`fut`, `phy`, `opt`) are boiled down as they end, for a clearing house's file holds hundreds of thousands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from flatbook.adapters.files.faults import FaultList, fault, shown
from flatbook.adapters.files.fields import number_of
from flatbook.margin.span_parameters import SCENARIOS

_CONTRACTS = {"fut", "phy", "opt"}
_VALUE = "a"


@dataclass(slots=True)
class Node:
    """One element."""

    tag: str
    line: int
    text: str = ""
    children: "list[Node]" = field(default_factory=list)
    contracts: "list[RawContract]" = field(default_factory=list)
    values: list[str] = field(default_factory=list)  # of the elements a, of an array

    def all(self, tag: str) -> "Iterator[Node]":
        """The children of this name."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> "Node | None":
        """The first child of this name."""
        return next(self.all(tag), None)

    def word(self, path: str) -> str:
        """The text of the element at `path` below this one, as rate/val; empty where there is none."""
        at: Node | None = self
        for part in path.split("/"):
            at = at.first(part) if at else None
        return at.text.strip() if at else ""


@dataclass(slots=True)
class RawContract:
    """One contract as it stands in the file."""

    line: int
    words: dict[str, str]
    underlying_contract: str  # cId of undC
    losses: tuple[float, ...]
    delta: float


class TreeReader:
    """Reads one document into nodes."""

    def __init__(self, name: str, faults: FaultList) -> None:
        self.name = name
        self.faults = faults
        self.root: Node | None = None
        self._open: list[Node] = []
        self._value: str | None = None  # of the element a that is open: most of a file, and no node
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self, raw: bytes) -> Node:
        """The root of the document.

        Raises
        ------
        FaultsError
            No XML, or one with a document type declaration.
        """
        try:
            self._parser.Parse(raw, True)
        except expat.ExpatError as error:
            raise fault(
                where=f"{self.name} line {error.lineno}",
                found=f"text that is no XML ({expat.ErrorString(error.code)})",
                expected="a complete SPAN XML file",
                action="fetch the file again",
            ) from error
        assert self.root is not None, "expat refuses a document without root"
        return self.root

    def _refuse_doctype(self, doctype: str, *_: object) -> None:
        raise fault(
            where=f"{self.name} line {self._parser.CurrentLineNumber}",
            found=f"a document type declaration, {shown(doctype)}",
            expected="a SPAN file, which has none",
            action="do not trust this file: a declaration can hold entities that exhaust memory",
        )

    def _start(self, tag: str, _: object) -> None:
        if self._value is not None:
            raise fault(
                where=f"{self.name} line {self._parser.CurrentLineNumber} element {tag}",
                found="an element inside an array value",
                expected="a number",
                action="fetch the file again",
            )
        if tag == _VALUE and self._open:
            self._value = ""
        else:
            self._open.append(Node(tag, self._parser.CurrentLineNumber))

    def _text(self, text: str) -> None:
        if self._value is not None:
            self._value += text
        elif self._open and not text.isspace():
            self._open[-1].text += text

    def _end(self, tag: str) -> None:
        if tag == _VALUE and self._value is not None:
            self._open[-1].values.append(self._value.strip())
            self._value = None
            return
        node = self._open.pop()
        if not self._open:
            self.root = node
        elif tag in _CONTRACTS:
            found = self._boiled_down(node)
            if found is not None:
                self._open[-1].contracts.append(found)
        else:
            self._open[-1].children.append(node)

    def _boiled_down(self, node: Node) -> RawContract | None:
        """The contract; None where it has no array, or a wrong one (a fault then)."""
        array = node.first("ra")
        if array is None:
            return None
        where = f"{self.name} line {array.line} element {node.tag}/ra"
        cells = array.values
        losses = [number_of(cell) for cell in cells]
        delta = number_of(array.word("d"))
        wrong = next((number for number, loss in enumerate(losses) if loss is None), None)
        if len(cells) != SCENARIOS:
            found, expected = f"{len(cells)} values", f"{SCENARIOS} array values a"
        elif wrong is not None:
            found, expected = f"{shown(cells[wrong])} as value {wrong + 1}", "a number"
        elif delta is None:
            found, expected = shown(array.word("d")), "a composite delta d"
        else:
            words = {child.tag: child.text.strip() for child in node.children if not child.children}
            numbers = tuple(loss for loss in losses if loss is not None)
            return RawContract(node.line, words, node.word("undC/cId"), numbers, delta)
        self.faults.add(where=where, found=found, expected=expected, action="fetch the file again")
        return None
