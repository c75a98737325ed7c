"""The Journal page: records are found and shown as they were written, and the past answers with the numbers of its moment."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from unittest.mock import patch

import httpx
import pytest

from flatbook.dashboard.frames import decode as frame_of
from flatbook.dashboard.frames import encode as bytes_of
from flatbook.dashboard.past.asked import FrameAt, PageAt, Prove, RecordAt, Search, Status, Step
from flatbook.dashboard.past.librarian import Librarian
from flatbook.dashboard.past.nobody import Nobody
from flatbook.dashboard.past.process import PastProcess
from flatbook.dashboard.topics import TOPICS
from flatbook.dashboard.views.desk import desk
from flatbook.journal.replay import Decision, read_records, verify
from flatbook.live.record_index import GROUPS, Query, RecordIndex
from flatbook.live.snapshot import Severity
from flatbook.model.errors import FlatbookError
from flatbook.model.events import CycleDue, Fill
from flatbook.model.order_events import KillSet
from tests.dashboard.serving import Served
from tests.live.days import live_day

NUMBERS = ("limits", "exposure", "buckets", "desk", "prices")
"""Parts of the Desk page that hold numbers of the cycle alone."""


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A journal, and what was published, by cycle."""
    path = tmp_path_factory.mktemp("journal") / "desk.journal"
    return path, live_day(path)


@pytest.fixture(scope="module")
def records(day):
    """All of them."""
    return list(read_records(day[0]))


@pytest.fixture(scope="module")
def librarian(day):
    """In this process, with everything read and taken again."""
    with closing(Librarian(day[0])) as made:
        while made.work():
            pass
        yield made


def told(answer, status=200):
    """An answer's JSON."""
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def search(librarian, most=100, **query):
    """Rows of a search."""
    return told(librarian.answer(Search(query=Query(**query), most=most)))


def test_a_frame_of_the_past_is_the_frame_that_was_published(day, librarian):
    """Limits, exposure and prices, of every topic that has them."""
    _, published = day
    for sequence, live in list(published.items())[::3]:
        answer = librarian.answer(FrameAt(sequence=sequence, topic="desk"))
        past = frame_of(answer.body)
        then = frame_of(bytes_of(TOPICS["desk"](live, "")))

        assert answer.status == 200
        assert past.cycle == then.cycle == sequence
        for part in NUMBERS:
            without = [_ageless(each) for each in (past.data[part], then.data[part])]
            assert without[0] == without[1], part
        head = frame_of(librarian.answer(FrameAt(sequence=sequence, topic="head")).body).data
        assert head["mode"] == "REPLAY"
        assert head["pnl_usd"] == frame_of(bytes_of(TOPICS["head"](live, ""))).data["pnl_usd"]


def _ageless(part):
    """Without what depends on when a publication was made, not on what was decided."""
    if isinstance(part, list):
        return [_ageless(each) for each in part]
    if isinstance(part, dict):
        return {key: each for key, each in part.items() if key not in ("spot_age_s", "minute_ago")}
    return part


def test_the_api_of_a_moment_answers_as_it_did(day, librarian):
    """Any page's request, in the process of the past."""
    _, published = day
    sequence = max(published)
    answer = told(librarian.answer(PageAt(sequence=sequence, path="/desk", query="at=7")))
    then = desk(published[sequence]).model_dump(mode="json")

    for part in NUMBERS:
        assert _ageless(answer[part]) == json.loads(
            json.dumps(_ageless(list(then[part]) if isinstance(then[part], tuple) else then[part]))
        )
    name = published[sequence].cycle.table.classes[0]
    chain = told(librarian.answer(PageAt(sequence=sequence, path=f"/class/{name}/chain", query="expiry=0")))
    assert chain["series"]
    assert told(librarian.answer(PageAt(sequence=sequence, path="/no/such", query="")), 404)


def test_a_page_of_the_past_that_fails_costs_nobody_the_journal(day, librarian):
    """It answers the next question."""
    sequence = max(day[1])
    with patch("flatbook.dashboard.routes.desk.desk", side_effect=RuntimeError("secret")):
        refused = told(librarian.answer(PageAt(sequence=sequence, path="/desk", query="")), 500)
    assert refused["error"] == "failed"
    assert "secret" not in refused["message"]
    assert told(librarian.answer(PageAt(sequence=sequence, path="/desk", query="")))["limits"]


def test_records_come_newest_first_and_by_pages(records, librarian):
    """A cursor leads through all of them, each once."""
    found, before = [], 2**62
    while before:
        page = search(librarian, most=7, before=before)
        found += [each["sequence"] for each in page["records"]]
        before = page["next_before"]
    assert found == list(range(len(records), 0, -1))


def test_records_are_found_by_kind_series_person_severity_and_time(records, librarian):
    fills = [each for each in records if isinstance(each, Fill)]
    trades = search(librarian, kinds=GROUPS["trades"])["records"]
    assert [each["sequence"] for each in trades] == [each.sequence for each in reversed(fills)]
    wanted = fills[0].instrument
    assert {
        each["sequence"]
        for each in search(librarian, symbol=wanted.lower(), kinds=GROUPS["trades"])["records"]
    } == {each.sequence for each in fills if wanted in each.instrument}
    kills = [each.sequence for each in records if isinstance(each, KillSet)]
    assert [each["sequence"] for each in search(librarian, who="shutdown")["records"]] == kills[::-1]
    severe = search(librarian, severity=Severity.NOTICE)["records"]
    assert severe
    assert "info" not in {each["severity"] for each in severe}
    at_ns = fills[0].received_ns
    then = search(librarian, from_ns=at_ns, to_ns=at_ns)["records"]
    assert {int(each["at_ns"]) for each in then} == {at_ns}
    assert fills[0].sequence in [each["sequence"] for each in then]
    by_text = search(librarian, text=f"SOLD {fills[0].quantity} {wanted}", kinds=GROUPS["trades"])["records"]
    assert {each["text"].split(" @")[0] for each in by_text} <= {f"sold {fills[0].quantity} {wanted}"}
    assert search(librarian, text="nobody ever said this") | {"looked_down_to_ns": ""} == {
        "records": [], "next_before": None, "complete": True, "looked_down_to": 1, "looked_down_to_ns": "",
    }  # fmt: skip


def test_every_record_opens_with_what_it_led_to(records, librarian):
    """A fill leads to the decision that sent its order, and to the one that took it into account."""
    for each in records[:: max(len(records) // 40, 1)]:
        one = told(librarian.answer(RecordAt(sequence=each.sequence)))
        assert one["record"]["sequence"] == each.sequence
        assert re.fullmatch(r"[0-9a-f]{64}", one["chain"])
    fill = next(each for each in reversed(records) if isinstance(each, Fill))
    one = told(librarian.answer(RecordAt(sequence=fill.sequence)))
    links = {each["what"]: each["sequence"] for each in one["links"]}
    sent = links[f"order {fill.client_id} was sent by"]
    decision = told(librarian.answer(RecordAt(sequence=sent)))
    order = next(each for each in decision["orders"] if each["client_id"] == fill.client_id)
    fields = {each["name"]: each for each in one["fields"]}

    assert order["symbol"] == fill.instrument
    assert float(fields["price"]["value"]) == order["price"]
    assert fields["quantity"] == {"name": "quantity", "value": str(fill.quantity), "unit": "contracts"}
    after = next(
        each.sequence for each in records if isinstance(each, CycleDue) and each.sequence > fill.sequence
    )
    assert links["taken into account by"] == after
    assert told(librarian.answer(RecordAt(sequence=len(records) + 1)), 404)["error"] == "unknown"


def test_steps_go_from_decision_to_decision(records, librarian):
    decisions = [each.sequence for each in records if isinstance(each, Decision)]
    middle = decisions[len(decisions) // 2]
    at = decisions.index(middle)
    assert told(librarian.answer(Step(sequence=middle)))["sequence"] == decisions[at + 1]
    assert told(librarian.answer(Step(sequence=middle, back=True)))["sequence"] == decisions[at - 1]
    due = next(each for each in records if each.sequence == middle - 1)
    found = told(librarian.answer(Step(at_ns=due.received_ns)))
    assert int(found["at_ns"]) == due.received_ns
    assert told(librarian.answer(Step(sequence=decisions[-1])), 404)


def test_the_chain_is_told_and_proven_again(day, records, librarian):
    status = told(librarian.answer(Status()))
    proven = verify(day[0])
    assert status["proven"] == status["taken"] == status["last"] == len(records)
    assert status["head"] == proven.head.hex()
    assert status["different"] == 0
    assert status["sealed"] is True
    assert status["damage"] == ""
    assert told(librarian.answer(Prove()))["proof"]["state"] == "running"
    while librarian.work():
        pass
    proof = told(librarian.answer(Status()))["proof"]
    assert proof["state"] == "holds"
    assert proof["records"] == len(records)


def test_a_proof_that_fails_names_the_record(day, tmp_path):
    """Changed after it was read: only the proof of the whole file finds it."""
    copy = tmp_path / "changed.journal"
    copy.write_bytes(day[0].read_bytes())
    with closing(Librarian(copy)) as made:
        while made.work():
            pass
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("UPDATE records SET cause = 1 WHERE sequence = 5")
            connection.commit()
        assert told(made.answer(Prove()))["proof"]["state"] == "running"
        while made.work():
            pass
        proof = told(made.answer(Status()))["proof"]
    assert proof["state"] == "broken"
    assert "record 5:" in proof["text"]


def test_a_search_that_takes_long_stops_and_goes_on(day, records):
    index = RecordIndex(day[0])
    while index.read_on(1.0):
        pass
    first = index.search(Query(text="nobody ever said this"), 100, 0.0)
    assert first.records == ()
    assert first.complete == (len(records) <= 1_000)


def test_nobody_changes_the_past():
    """Every door is shut, with the reason."""
    nobody = Nobody()
    for call in (
        nobody.submit(None, who="a", why="b"),
        nobody.decide_hedge("a:1", approve=True, who="a", why="b"),
        nobody.acknowledge("a", who="b"),
        nobody.preview(None),
    ):
        with pytest.raises(FlatbookError, match="nothing that is past can be changed"):
            asyncio.run(call)


@pytest.fixture(scope="module")
def shown(day):
    """A dashboard whose archive is a process of its own."""
    path, published = day
    with PastProcess(path) as past:
        one = Served(archive=past).start()
        one.publish(published[max(published)])
        yield one
        one.stop()


def test_the_process_answers_over_the_wire(day, records, shown):
    _, published = day
    with httpx.Client(base_url=f"{shown.url}/api/v1", timeout=60.0) as http:
        assert http.get("/moments").json()["last"] == len(records)
        wanted = sorted(published)[len(published) // 2]
        for _ in range(300):
            answer = http.get(f"/moments/{wanted}", params={"topic": "desk"})
            if answer.status_code != 503:
                break
            assert answer.json()["error"] == "taking_again"
        assert frame_of(answer.content).cycle == wanted
        page = http.get(f"/moments/{wanted}/desk").json()
        exposure = page["exposure"][0]["vega_usd_per_point"]
        assert exposure == desk(published[wanted]).exposure[0].vega_usd_per_point
        assert http.get(f"/moments/{wanted}/session/me").status_code == 404
        assert http.get(f"/moments/{wanted}/capital/strategy").json()["error"] == "of_now"
        assert http.get(f"/moments/{wanted}/desk").status_code == 200
        assert http.get(f"/moments/{len(records) + 1}?topic=desk").status_code == 404
        assert http.get("/journal/records", params={"kind": "nonsense"}).status_code == 422
        assert http.get("/journal/decision").status_code == 422
        assert http.get("/journal/records", params={"kind": "trades"}).json()["records"]


def test_the_page_searches_opens_and_shows_the_desk_as_it_was(day, records, shown, browsing):
    _, published = day
    fill = next(each for each in reversed(records) if isinstance(each, Fill))
    with browsing(shown) as page:
        page.goto(f"{shown.url}/journal?kind=trades")
        page.wait_for_selector(".vrow")
        fills = [each for each in records if isinstance(each, Fill)]
        assert page.locator(".vrow").first.inner_text().split("\n")[1] == str(fills[-1].sequence)
        page.locator(".vrow").first.click()
        page.wait_for_selector('[data-test="show-moment"]')
        page.locator('[data-test="show-moment"]').click()
        page.wait_for_selector('[data-test="replay"]')
        page.wait_for_function(
            f"document.querySelector('[data-test=moment]').innerText.includes('#{fill.sequence}')"
        )
        page.goto(f"{shown.url}/desk?at={min(published)}")
        page.wait_for_selector('[data-test="mode"]:has-text("REPLAY")')
        shown_vega = page.locator('[data-test^="vega:"]').first.get_attribute("data-value")
        then = desk(published[min(published)]).exposure[0].vega_usd_per_point
        assert (float(shown_vega) if shown_vega else None) == then
