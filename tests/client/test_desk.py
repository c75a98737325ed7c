"""The client tells what the core holds, to the number, and says in words why it does not."""

import asyncio
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from flatbook.client.connection import Connection
from flatbook.client.desk import Desk
from flatbook.client.errors import (
    ClientError,
    ForbiddenError,
    MissingError,
    ProtocolError,
    RefusedError,
    StartingError,
    UnauthorizedError,
    UnreachableError,
)
from flatbook.client.pages import INSTANT, Schemas
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.views.klass import COLUMNS, class_columns
from flatbook.model.measures import Measure
from flatbook.model.order_events import KillScope, KillSet
from tests.client.conftest import PASSWORDS
from tests.dashboard.serving import Served

WHY = "a test of the client"


def _facts(served):
    return [fact for fact, _, _ in served.operator.facts if isinstance(fact, KillSet)]


def test_limits_are_those_of_the_cycle(desk, day):
    """Worst first, in their units."""
    limits = desk.limits()
    standing = {each.limit.name: each for each in day[-1].cycle.standing.limits}

    assert set(limits["name"]) == set(standing)
    for row in limits.iter_rows(named=True):
        assert row["value"] == standing[row["name"]].value
        assert row["limit_hard"] == standing[row["name"]].limit_hard
        assert row["unit"]
    assert limits["utilisation"].to_list() == sorted(limits["utilisation"], reverse=True)
    assert limits.schema["overridden_until_utc"] == INSTANT


def test_exposure_is_that_of_the_cycle(desk, day):
    """By underlying, and null where the core has NaN."""
    exposure, cycle = desk.exposure(), day[-1].cycle

    assert tuple(exposure["name"]) == cycle.table.underlyings
    told = exposure["delta_usd"].fill_null(math.nan).to_numpy()
    assert np.array_equal(told, cycle.exposure.by_underlying[:, Measure.DELTA_USD], equal_nan=True)


def test_a_chain_is_that_of_the_core_with_units(desk, day):
    """Every column, every row; null for NaN."""
    name = desk.classes()[0]
    chain = desk.chain(name)
    columns = {each.name: each.values for each in class_columns(day[-1].cycle, name)}

    assert chain.height == columns["theo"].size == desk.listing(name).height
    assert set(chain["symbol"]) == set(desk.listing(name)["symbol"])
    for mine, theirs in (
        ("theo_usd", "theo"),
        ("bid_usd", "bid"),
        ("vol_annual", "vol"),
        ("lean_usd", "lean"),
    ):
        told = chain[mine].cast(pl.Float64).fill_null(math.nan).to_numpy()
        assert np.array_equal(told, columns[theirs].astype(np.float64), equal_nan=True), mine
    assert chain["position_contracts"].to_list() == columns["position"].tolist()
    assert set(chain["right"]) == {"call", "put"}
    assert len(chain.columns) == len(COLUMNS) + 4
    first = day[-1].cycle.table.row_of(chain["symbol"][0])
    table = day[-1].cycle.table
    expiry_ns = table.slices[table.slice_of[first]].expiry_ns
    assert chain["expiry_utc"].cast(pl.Int64)[0] == expiry_ns


def test_one_expiry_of_a_chain(desk):
    """By its number in the listing."""
    name = desk.classes()[0]
    whole = desk.listing(name)

    assert (
        desk.chain(name, expiry=1)["symbol"].to_list()
        == whole.filter(pl.col("expiry") == 1)["symbol"].to_list()
    )


def test_pages_are_tables_and_numbers(desk, day):
    """By name, in a notebook after the dot."""
    page = desk.desk()
    klass = desk.class_(desk.classes()[0])

    assert page["limits"].equals(page.limits)
    assert "story" in dir(page)
    assert "exposure" in repr(page)
    assert set(page) >= {"limits", "exposure", "prices", "story"}
    assert page.story.schema["at_utc"] == INSTANT
    assert klass.slices["atm_vol"].dtype == pl.Float64
    assert desk.anatomy(klass.option_class, desk.listing(klass.option_class)["symbol"][0]).parts.height == 12
    with pytest.raises(AttributeError, match="it has"):
        _ = page.nothing


def test_a_table_without_rows_has_its_columns(desk):
    """With their types."""
    kills = desk.head().kills

    assert kills.height == 0
    assert kills.schema["pending"] == pl.Int64
    assert kills.schema["since_utc"] == INSTANT


def test_any_path_can_be_asked(desk):
    """As it came."""
    assert desk.get("/head")["mode"] == "SIMULATED"
    assert desk.get("/api/v1/class", search="C")[0].keys() == {"symbol", "option_class"}
    assert desk.page("/class", search="C").columns == ["symbol", "option_class"]


def test_updates_come_as_arrays(desk, served, day):
    """Of the topics that were asked, with the numbers of the core."""
    name = desk.classes()[0]
    seen = {}
    for update in desk.watch("desk", f"class:{name}"):
        seen[update.topic] = update
        if len(seen) == 2:
            break
    update = seen[f"class:{name}"]
    theo = next(each.values for each in class_columns(day[-1].cycle, name) if each.name == "theo")

    assert np.array_equal(update.columns["theo"], theo, equal_nan=True)
    assert not update.columns["theo"].flags.owndata
    assert (update.number, update.cycle, update.at_ns) == (
        day[-1].number,
        day[-1].cycle.sequence,
        day[-1].at_ns,
    )
    assert abs(update.at_utc - datetime.fromtimestamp(day[-1].at_ns / 1e9, UTC)) < timedelta(milliseconds=1)
    assert update.table().height == theo.size
    assert seen["desk"].data["limits"]


def test_updates_beside_other_tasks(desk):
    """The same, asynchronously."""

    async def first():
        updates = desk.watch_async("head")
        try:
            async for update in updates:
                return update
        finally:
            await updates.aclose()

    assert asyncio.run(first()).kind == "head"


def test_a_stream_of_nothing_is_refused_with_the_reason(desk):
    """Not an empty one."""
    with pytest.raises(RefusedError, match="no topic") as told:
        next(desk.watch("nonsense"))
    assert "head" in told.value.reason


def test_a_moment_is_the_frame_of_then(desk, day):
    """By the sequence of the journal."""
    first, last = desk.moments()
    then = desk.moment(first, "desk")

    assert (first, last) == (day[0].cycle.sequence, day[-1].cycle.sequence)
    assert then.cycle == first
    assert then.number == day[0].number
    with pytest.raises(MissingError, match="nothing was decided"):
        desk.moment(1)


def test_an_action_is_done_once_with_who_and_why(desk, served):
    """However often it is sent under its key."""
    before = len(_facts(served))
    one = desk.act.pull(desk.classes()[0], why=WHY, key="notebook-0001")
    again = desk.act.pull(desk.classes()[0], why=WHY, key="notebook-0001")
    facts = _facts(served)[before:]

    assert one == again
    assert one.state == "done"
    assert [(fact.scope, fact.on, fact.owner, fact.reason) for fact in facts] == [
        (KillScope.CLASS, True, "local", WHY)
    ]


def test_a_kill_takes_both_steps(desk, served):
    """Armed and confirmed."""
    before = len(_facts(served))
    done = desk.act.kill("underlying", "IDX", why=WHY)

    assert done.state == "done"
    assert [(fact.scope, fact.name) for fact in _facts(served)[before:]] == [(KillScope.UNDERLYING, "IDX")]
    assert desk.act.release("underlying", "IDX", why=WHY).state == "done"


def test_limits_are_changed_as_they_were_shown(desk):
    """Or not at all."""
    limit = desk.limits().row(0, named=True)
    name, hard = limit["name"], limit["limit_hard"]

    assert desk.act.override_limit(name, hard * 2, minutes=5, why=WHY, shown=hard).state == "done"
    with pytest.raises(RefusedError, match="no longer") as told:
        desk.act.change_limit(name, hard * 2, why=WHY, shown=hard * 3)
    assert (told.value.status, told.value.code) == (409, "refused")
    with pytest.raises(RefusedError) as told:
        desk.act.change_limit(name, -1.0, why=WHY)
    assert told.value.fields == ("body.limit_hard",)


def test_a_preview_does_nothing(desk, served):
    """And tells it in words and numbers."""
    before = len(served.operator.facts)
    told = desk.preview.pull(desk.classes()[0], why=WHY)

    assert told.text == "nothing"
    assert told.changes.columns == ["name", "before", "after", "unit"]
    assert len(served.operator.facts) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda act: act.reset_protection("cboe/loss/IDX", why=WHY),
        lambda act: act.approve_hedge("IDX:buy", why=WHY, shown_usd=1e6),
        lambda act: act.reject_hedge("IDX:buy", why=WHY),
        lambda act: act.acknowledge("limit:x", why=WHY),
    ],
)
def test_every_other_action_is_heard(desk, act):
    """By the desk's door."""
    assert act(desk.act).state == "done"


def test_what_the_desk_refuses_is_an_error_with_its_reason(desk):
    """With the words of the desk."""
    with pytest.raises(RefusedError, match="there is none; name one of"):
        desk.act.pull("NOPE", why=WHY)
    with pytest.raises(RefusedError, match="nothing overrides it"):
        desk.act.end_override(desk.limits()["name"][-1], why=WHY)
    with pytest.raises(RefusedError):
        desk.act.approve("0123456789abcdef", why=WHY)
    with pytest.raises(MissingError):
        desk.act.deny("0123456789abcdef", why=WHY)
    with pytest.raises(MissingError):
        desk.class_("a/b c")
    with pytest.raises(MissingError):
        desk.get("/nowhere")


def test_nobody_is_let_in_without_a_token(guarded):
    """With what to do."""
    with pytest.raises(UnauthorizedError, match="flatbook users token"):
        Desk.connect(guarded.url)
    with pytest.raises(UnauthorizedError):
        Desk.connect(guarded.url, token="nonsense")  # noqa: S106 - it is none
    with Desk.at(guarded.url) as desk, pytest.raises(UnauthorizedError):
        desk.limits()


def test_a_token_reads_streams_and_acts_as_its_role(guarded, token_of, monkeypatch):
    """But does nothing that asks for a person."""
    with Desk.connect(guarded.url, token=token_of("rosa", Role.RISK_OFFICER)) as desk:
        assert desk.me()["name"] == "rosa"
        assert desk.act.pull(desk.classes()[0], why=WHY).state == "done"
        assert next(desk.watch("head")).kind == "head"
        with pytest.raises(ForbiddenError) as told:
            desk.act.change_limit(desk.limits()["name"][0], 5.0, why=WHY)
        assert told.value.code == "person_needed"
    monkeypatch.setenv("FLATBOOK_TOKEN", token_of("vera"))
    with Desk.connect(guarded.url) as desk:
        with pytest.raises(ForbiddenError) as told:
            desk.act.pull(desk.classes()[0], why=WHY)
        assert told.value.code == "role"


def test_a_person_may_set_limits(guarded):
    """With a password."""
    with Desk.at(guarded.url).sign_in("rosa", PASSWORDS["rosa"]) as desk:
        limit = desk.limits().row(0, named=True)
        assert desk.act.change_limit(limit["name"], limit["limit_hard"], why=WHY).state == "done"
    with Desk.at(guarded.url) as desk, pytest.raises(UnauthorizedError, match="wrong"):
        desk.sign_in("rosa", "something else altogether")


def test_a_token_lies_in_a_file_that_nobody_else_reads(guarded, token_of, tmp_path):
    """Or is not read."""
    file = tmp_path / "token"
    file.write_text(token_of("toni") + "\n", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ClientError.__mro__[1], match="0600"):
        Desk.connect(guarded.url, token_file=file)
    file.chmod(0o600)
    with Desk.connect(guarded.url, token_file=file) as desk:
        assert desk.me()["name"] == "toni"
    with pytest.raises(ClientError, match="not both"):
        Desk.connect(guarded.url, token_file=file, token="x")  # noqa: S106 - it is none


def test_a_token_is_in_nothing_that_is_printed(guarded, token_of):
    """Neither of the client nor of its errors."""
    token = token_of("vera")
    with Desk.connect(guarded.url, token=token) as desk:
        shown = (
            repr(desk)
            + repr(vars(desk))
            + repr(vars(desk._connection))
            + repr(desk._connection._http.headers)
        )
        with pytest.raises(MissingError) as told:
            desk.get("/nowhere")
    assert token not in shown + repr(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://desk",
        "http://",
        "http://desk:70000",
        "http://me:secret@desk",
        "http://desk/x",
        "",
    ],
)
def test_what_is_no_address_is_refused(url):
    """Without repeating it, as it may hold a secret."""
    with pytest.raises(ClientError, match="http://host:port") as told:
        Desk.at(url)
    assert "secret" not in str(told.value)


def test_a_token_does_not_cross_a_network_unencrypted():
    """Plain HTTP is for loopback."""
    with pytest.raises(ClientError, match="unencrypted"):
        Desk.at("http://desk.example:8000", token="x")  # noqa: S106 - it is none


def test_where_nobody_answers_that_is_said(served):
    """With what to do."""
    with Desk.at("http://127.0.0.1:1") as desk, pytest.raises(UnreachableError, match="flatbook run"):
        desk.limits()


def test_a_desk_that_has_shown_nothing_is_starting(day):
    """And a stream ends when the desk does."""
    one = Served().start()
    try:
        with Desk.connect(one.url) as desk:
            with pytest.raises(StartingError):
                desk.limits()
            one.publish(day[-1])
            updates = desk.watch("head")
            assert next(updates).kind == "head"
            one.server.should_exit = True
            assert list(updates) == []
    finally:
        one.stop()


def test_a_line_that_breaks_is_asked_again_under_the_same_key(served, monkeypatch):
    """So that it is done, and done once."""
    with Desk.connect(served.url) as desk:
        name = desk.classes()[0]
        real, tries = Connection._answer, []

        def breaks(self, method, path, **more):
            answer = real(self, method, path, **more)
            tries.append(more.get("headers", {}).get("Idempotency-Key"))
            if len(tries) == 1:
                msg = "the line broke"
                raise UnreachableError(msg)
            return answer

        monkeypatch.setattr(Connection, "_answer", breaks)
        before = len(_facts(served))
        assert desk.act.pull(name, why=WHY).state == "done"
    assert len(tries) == 2
    assert tries[0] == tries[1]
    assert len(_facts(served)) == before + 1


@pytest.mark.parametrize("told", [{}, {"paths": 7}, {"paths": {}, "components": []}, []])
def test_what_does_not_describe_itself_is_no_desk(told):
    """As an error of ours."""
    with pytest.raises(ProtocolError):
        Schemas(told)


def test_rows_that_nest_and_rows_that_nobody_declared():
    """Structures stay structures; what is unknown is JSON."""
    schemas = Schemas(
        {"paths": {}, "components": {"schemas": {"Leg": {"properties": {"q": {"type": "integer"}}}}}}
    )
    row = {
        "properties": {
            "legs": {"type": "array", "items": {"$ref": "#/components/schemas/Leg"}},
            "any": {},
            "at_ns": {"type": "string"},
        }
    }
    found = schemas.table(
        [{"legs": [{"q": 2}], "any": {"a": None}, "at_ns": "5"}, {"legs": [], "at_ns": ""}], row
    )

    assert found["legs"].to_list() == [[{"q": 2}], []]
    assert found["any"].to_list() == ['{"a":null}', None]
    assert found["at_utc"].cast(pl.Int64).to_list() == [5, None]
