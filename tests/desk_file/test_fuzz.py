"""Whatever the bytes, the reader gives a desk or tells faults."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.desk_file.example import VALID

from flatbook.adapters.desk_file.read import parse_desk
from flatbook.model.errors import FlatbookError


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_a_desk_or_told_faults(text):
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    _is_desk_or_faults(raw)


VALUES = st.sampled_from(
    ("0", "-1", "nan", "inf", "1e999999", '""', '"x"', "[]", "{}", "true", "2019-01-01", "12:00:00", "{a = 1}",
     "[{}]", "0x7fffffffffffffff", "1979-05-27T07:32:00-23:59", "9999-12-31T23:59:59Z", '"\\u0000"', "'''x\ny'''")
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_file_is_a_desk_or_told_faults(data):
    lines = VALID.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        n = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(("drop", "repeat", "value", "cut", "move"))):
            case "drop":
                del lines[n]
            case "repeat":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[n])
            case "value":
                lines[n] = lines[n].split("=")[0] + "= " + data.draw(VALUES)
            case "cut":
                lines[n] = lines[n][: data.draw(st.integers(0, len(lines[n])))]
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(n))
    _is_desk_or_faults("\n".join(lines).encode())


def _is_desk_or_faults(raw):
    try:
        desk_file = parse_desk(raw, "desk.toml")
    except FlatbookError as e:
        told = str(e)
    else:
        told = desk_file.desk.name
    assert isinstance(told, str)
