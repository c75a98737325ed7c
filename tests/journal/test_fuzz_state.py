"""Files of states, damaged or made by somebody: the state that was written, or StateFileError, and no code but ours is run."""

import hashlib
import pickle
import pickletools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flatbook.engine.state import State
from flatbook.journal.layout import CHAIN_BYTES
from flatbook.journal.state_file import (
    Kept,
    StateFileError,
    copy_of,
    dump_state,
    load_state,
    read_state,
    write_state,
)
from flatbook.model.table import InstrumentTable

BUILD = {"flatbook": "1", "numpy": "2"}
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MAGIC = b"flatbook state 1"
OPCODES = [each.code.encode("latin-1") for each in pickletools.opcodes]


@pytest.fixture(scope="module")
def state():
    return State(desk_listed={"ESH7"})


@pytest.fixture(scope="module")
def written(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "desk.state"
    write_state(path, Kept(state, 5, 9, b"h" * CHAIN_BYTES), BUILD)()
    return path.read_bytes()


def _sealed(body):
    return MAGIC + hashlib.blake2b(body, digest_size=32).digest() + body


def _is_whole_or_refused(path, raw):
    path.write_bytes(raw)
    try:
        kept = read_state(path, BUILD)
    except StateFileError as e:
        return str(e)
    assert type(kept.facts) is int
    assert type(kept.sequence) is int
    assert len(kept.head) == CHAIN_BYTES
    assert isinstance(kept.state, State)
    return ""


def test_what_was_written_is_read(written, tmp_path, state):
    assert _is_whole_or_refused(tmp_path / "s", written) == ""
    assert dump_state(read_state(tmp_path / "s", BUILD).state) == dump_state(copy_of(state))


@QUIET
@given(st.data())
def test_a_changed_byte_or_a_cut_is_found(written, tmp_path, data):
    at = data.draw(st.integers(0, len(written) - 1))
    put = data.draw(st.binary(max_size=4))
    changed = written[:at] + put + (b"" if data.draw(st.booleans()) else written[at + len(put) :])
    told = _is_whole_or_refused(tmp_path / "s", changed)

    assert (told == "") == (changed == written)


@QUIET
@given(st.data())
def test_a_body_with_a_good_seal_is_a_state_or_refused(written, tmp_path, data):
    """Whoever can write the file can seal it: what is in it is still held against what a state is made of."""
    body = written[len(MAGIC) + 32 :]
    at = data.draw(st.integers(0, len(body) - 1))
    put = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from(OPCODES)))
    assert isinstance(
        _is_whole_or_refused(tmp_path / "s", _sealed(body[:at] + put + body[at + len(put) :])), str
    )


@QUIET
@given(
    st.one_of(
        st.tuples(),
        st.none(),
        st.integers(),
        st.text(max_size=4),
        st.tuples(st.just(BUILD), st.integers(), st.integers(), st.binary(max_size=40)),
        st.tuples(st.none() | st.just(BUILD), st.none() | st.booleans(), st.floats(), st.text(max_size=32)),
    ),
    st.integers(0, 2**64 - 1) | st.none(),
)
def test_a_place_that_is_none_is_refused(written, tmp_path, place, length):
    told = pickle.dumps(place, protocol=5)
    body = (len(told) if length is None else length).to_bytes(8, "little") + told
    assert _is_whole_or_refused(tmp_path / "s", _sealed(body + b"\x80\x05N.")) != ""


@QUIET
@given(st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=5)), max_size=12).map(b"".join))
def test_bytes_are_a_state_or_refused(raw):
    with pytest.raises(StateFileError):
        load_state(raw)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "builtins.getattr",
        "flatbook.journal.state_file.os",
        "flatbook.cli.main.main",
    ],
)
def test_nothing_else_is_made(name, tmp_path):
    module, _, what = name.rpartition(".")
    raw = b"\x80\x04c" + f"{module}\n{what}\n".encode() + b"."
    with pytest.raises(StateFileError, match="has no"):
        load_state(raw)
    body = len(raw).to_bytes(8, "little") + raw
    assert _is_whole_or_refused(tmp_path / "s", _sealed(body)) != ""


def test_a_state_that_refers_to_itself_without_end_is_refused():
    with pytest.raises(StateFileError):
        load_state(b"(" * 100_000 + b"t" * 100_000 + b".")


def test_a_table_of_which_another_thread_makes_a_column_is_copied_as_it_stood():
    """A cycle is made ready for ticks in a thread while the state is copied: the desk would end with a mapping that changes its size."""
    table = InstrumentTable(version=1, instruments=())
    told = table.__getstate__()
    assert told == vars(table)
    _ = table.rows
    assert "rows" not in told
    assert load_state(dump_state(State(table=table))).table.rows == table.rows
