"""The speed report says what was measured: gates that fail, peers that are absent, figures with tables cold beside warm."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import margin, simulation
from benchmarks.peers.stopwatch import time_calls
from benchmarks.report import measure, peer_process
from benchmarks.report.measure import Absent, Comparison, Gate, Timed, time_in_turn
from benchmarks.report.page import render, sentence
from benchmarks.report.peer_process import PeerError, PeerProcess
from benchmarks.report.quantlib_american import FAST, Americans
from benchmarks.report.quantlib_dividends import CashDividends
from benchmarks.report.start import Started

GATE = Gate(words="largest", most=1e-6, found=1e-9, peer=1e-8)
COMPARISON = Comparison(
    row=4,
    workload="A chain",
    tables="warm",
    peer="a peer",
    count=1000,
    unit="series",
    gate=GATE,
    ours=lambda: (1e-3, 1.0),
    theirs=lambda: (5e-3, 1.0),
    share=20.0,
    floor=50.0,
    aim=400.0,
)


def timed(comparison=COMPARISON, ratios=(90.0, 100.0, 110.0)):
    """A measured line."""
    return Timed(comparison=comparison, ratios=ratios, ours_s=1e-3, theirs_s=0.1, cores=(1.0, 1.0))


def test_a_peer_that_does_a_share_is_scaled_and_turns_alternate():
    turns = []
    one = replace(
        COMPARISON,
        ours=lambda: (turns.append("ours"), (1e-3, 1.0))[1],
        theirs=lambda: (turns.append("peer"), (5e-3, 1.0))[1],
    )
    line = time_in_turn(one, rounds=6, budget_s=60.0)

    assert ["ours", "peer"] * 6 == turns
    assert pytest.approx(100.0) == line.middle
    assert (pytest.approx(1e-3), pytest.approx(0.1)) == (line.ours_s, line.theirs_s)


def test_rounds_stop_at_the_budget_but_not_before_five():
    assert 5 == len(time_in_turn(COMPARISON, rounds=50, budget_s=0.0).ratios)


@pytest.mark.parametrize(
    ("ratio", "floor", "aim", "verdict"),
    [
        (49.0, 50.0, 400.0, "below floor"),
        (50.0, 50.0, 400.0, "reached"),
        (400.0, 50.0, 400.0, "aim reached"),
        (400.0, 50.0, None, "reached"),
        (299.0, None, 300.0, "below aim"),
        (1.0, None, None, "reported"),
    ],
)
def test_a_verdict_stands_on_the_median(ratio, floor, aim, verdict):
    line = timed(replace(COMPARISON, floor=floor, aim=aim), (1.0, ratio, 1000.0))

    assert verdict == line.verdict


@pytest.mark.parametrize(
    "gate",
    [
        replace(GATE, found=2e-6),
        replace(GATE, found=math.nan),
        replace(GATE, peer=1e-5),
        replace(GATE, peer=math.nan),
    ],
)
def test_a_gate_that_fails_outranks_every_ratio(gate):
    line = timed(replace(COMPARISON, gate=gate), (1e6,))

    assert "FAILED its gate" == line.verdict
    assert "FAILED" in sentence(line)
    assert "FAILED" in render([line], [], [])


def test_the_page_sets_cold_beside_warm_and_says_who_is_absent():
    warm, cold = timed(), timed(replace(COMPARISON, tables="cold", floor=None, aim=None), (1.5, 1.6, 1.7))
    absent = Absent(row=1, workload="Values", peer="JAX", reason="not installed")
    started = Started(row=10, warm_s=(1.0, 1.2, 1.4), cold_s=30.0, imports_s=0.5, gate=GATE)
    page = render([warm, cold, absent, started], [("Processor", "one")], [0.0, 0.0031])
    rows = [line for line in page.splitlines() if line.startswith("| 4 | A chain, tables warm")]

    assert 1 == len(rows)
    assert "**100** [92.0, 108] | 1 µs per series | **1.6** [1.5, 1.7], 1 µs per series | reached" in rows[0]
    assert "1e-09 (gate 1e-06, peer 1e-08): largest | 50 | 400" in rows[0]
    assert "JAX |" in page
    assert "not measured: not installed" in page
    assert "1.20 s [1.00, 1.40]" in page
    assert "at most 3.1 ms of processor time" in page
    assert "What falls short" in page


def test_a_noisy_machine_is_told():
    busy = replace(timed(), cores=(0.6, 1.0))

    assert "not quiet" in render([busy], [], [])
    assert "not quiet" not in render([timed()], [], [])


def test_short_calls_are_repeated_and_long_ones_are_not():
    calls = []
    seconds, _ = time_calls(lambda: calls.append(1), 0.002)

    assert len(calls) > 10
    assert seconds < 0.001
    calls.clear()
    time_calls(lambda: calls.append(1), 0.0)
    assert 1 == len(calls)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """This Python in the place of the peers'."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(peer_process, "ENVIRONMENT", tmp_path)


@pytest.mark.usefixtures("environment")
def test_a_peer_that_falls_over_says_why_and_another_still_answers():
    with PeerProcess(1) as peers:
        with pytest.raises(PeerError, match="ModuleNotFoundError"):
            peers.prepare("with_nobody.values")
        prepared = peers.prepare("with_numpy.sums", numbers=np.arange(4.0))
        seconds, _ = prepared.timer()

    assert [6.0] == prepared.outputs.tolist()
    assert 0.0 < seconds < measure.LEAST_S


def test_a_peer_that_is_not_installed_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(peer_process, "ENVIRONMENT", tmp_path)
    with PeerProcess(1) as peers, pytest.raises(PeerError, match="not installed"):
        peers.versions(["numpy"])


def test_halves_cover_every_row_once():
    rows = np.arange(7)

    assert rows.tolist() == np.concatenate([rows[part] for part in measure.parts(7, 2)]).tolist()


def test_the_quantlib_loops_move_what_they_say():
    option = np.array([[100.0], [105.0], [0.5], [0.3], [0.04], [0.01], [-1.0]])
    grid = Americans(option, FAST()).prices((0.0, -0.1), (0.0, 0.05))
    moved = option.copy()
    moved[0], moved[3] = 90.0, 0.35

    assert pytest.approx(Americans(moved, FAST()).prices()[0, 0, 0], rel=1e-12) == grid[0, 1, 1]
    assert pytest.approx([0.3], abs=1e-6) == Americans(option, FAST()).implied(grid[:, 0, 0])


def test_the_quantlib_grids_move_what_they_say():
    def columns(spot, vol):
        return [np.array([x]) for x in (spot, 105.0, 200, vol, 0.04, -1.0)]

    paid = ((50, 1.5),)
    cell = CashDividends(columns(100.0, 0.3), paid).cells([-0.1], [0.05])

    assert pytest.approx(CashDividends(columns(90.0, 0.35), paid).cells([0.0], [0.0])) == cell


def test_a_peer_of_a_capital_method_is_scaled_and_a_miss_stands_beside_its_target(monkeypatch):
    monkeypatch.setattr(margin, "BUDGET_S", 0.0)
    seconds = {"ours": 0.004, "peer": 0.001}
    monkeypatch.setattr(margin, "time_calls", lambda work, _: (seconds[work()], 1.0))
    told = margin._line(margin.Comparison("book", 3.0, lambda: "ours", "loop", lambda: "peer", 100.0))

    assert ["book", "4.00ms", "of", "3"] == told.split()[:4]
    assert "25 x (25-25) loop" in told


def test_capital_methods_agree_with_their_peers_before_they_are_timed():
    account = margin._deribit(30)
    wanted = np.array([[1.0, 2.0], [3.0, 4.0]])

    assert account.ours().requirement == pytest.approx(sum(account.peer()), rel=1e-9)
    margin._agree((wanted[0], wanted[1]), wanted, np.arange(2))
    with pytest.raises(AssertionError):
        margin._agree((wanted[0], wanted[1]), wanted + 0.01, np.arange(2))


def test_a_simulated_day_counts_every_fact_and_every_second():
    stage = simulation.stage_of(spacing_s=120.0, orders=400.0, strikes=4, minutes=30.0)
    parts = simulation.Parts()
    day = simulation.TimedDay(stage, simulation.SEED, parts)
    day.run()
    facts, options = sum(parts.facts.values()), int(day.table.is_option.sum())
    messages = parts.facts["messages of quotes"]

    assert options == 5 * 2 * 4
    assert facts + len(parts.cycles) == day.desk.process.facts
    assert len(parts.cycles) in (29, 30, 31)  # one a minute
    assert parts.facts["prices"] == 15
    assert 15 < messages <= 15 * 6  # one for each expiry and one for the hedges, at each moment
    assert messages * 2 <= parts.rows <= 15 * len(day.table.instruments)
    assert {"world", "exchange", "wire", "fold", "cycle"} == set(parts.seconds)
    assert all(seconds > 0.0 for seconds in parts.seconds.values())


def test_a_simulated_day_says_what_it_took():
    lines = simulation.run(simulation.stage_of(spacing_s=300.0, strikes=4, minutes=10.0), journal=True)

    assert "40 series, journal in memory" in lines[0]
    assert "refits" in lines[1]
    assert "facts/s" in lines[2]
    assert "journal 0." in lines[3]
