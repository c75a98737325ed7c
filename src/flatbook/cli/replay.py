"""`flatbook replay`: prove a journal, decide everything again, compare byte for byte."""

from pathlib import Path

import typer

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.replay import read_decisions, read_facts, verify
from flatbook.model.errors import JournalError


def replay_journal(path: Path) -> None:
    """Replay `path` and tell how it went.

    Raises
    ------
    JournalError
        The chain is broken, or a decision comes out differently.
    """
    proven = verify(path)
    recorded = {decision.sequence_of_cause: decision.payload for decision in read_decisions(path)}
    state, decided = State(), {}
    for fact in read_facts(path):
        cycle = step(state, fact)
        if cycle is not None:
            decided[cycle.sequence] = encode_decision(decision_of(cycle))
    different = sorted(cause for cause, payload in recorded.items() if decided.get(cause) != payload)
    if different:
        wrote = ", ".join(
            f"{name} {version}" for name, version in proven.manifest.items() if name != "config_blake2b"
        )
        msg = (
            f"{path}: {len(different)} of {len(recorded)} decisions come out differently, the first after event "
            f"{different[0]}; it was written by {wrote}: replay with the same build"
        )
        raise JournalError(msg)
    seal = "closed in order" if proven.sealed else "not closed: the writer was interrupted"
    typer.echo(f"{path}: {proven.events} events and {proven.decisions} decisions, chain holds, {seal}")
    typer.echo(f"every decision comes out the same to the byte; head {proven.head.hex()}")
