"""`flatbook journal verify` and `flatbook journal export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import typer
from rich.console import Console

from flatbook.cli.outputs import faults_of_outputs
from flatbook.cli.replay_words import closed, written_by
from flatbook.journal.export import DECISION_TYPE, json_lines
from flatbook.journal.layout import CHAIN_BYTES
from flatbook.journal.reading import beside
from flatbook.journal.replay import sequence_of_head, verify
from flatbook.model.errors import Fault, JournalError, fail_on
from flatbook.model.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; None: all."""

    journal: Path
    out: Path | None  # lines of JSON; exactly one of the two is given
    parquet: Path | None
    first: int | None  # numbers of records
    last: int | None
    types: str | None  # with commas between
    unsealed: bool


def verify_journal(path: Path, head: str | None) -> None:
    """Prove `path` and tell its figures; `head` must be in its chain.

    Raises
    ------
    FaultsError
        `head` is no head.
    JournalError
        The file is not what was written, or never had that head.
    """
    kept = None if head is None else _head(head)
    with Console(stderr=True).status("proving the chain …"):
        found = verify(path)
        at = None if kept is None else sequence_of_head(path, kept)
    if kept is not None and at is None:
        msg = (
            f"{path}: its chain holds, but head {kept.hex()} is not in it: this is another journal, one written anew, "
            "or records were cut off after the last one here; restore a copy"
        )
        raise JournalError(msg)
    count = found.events + found.decisions
    typer.echo(f"{path}: chain holds, {closed(found)}")
    typer.echo(f"events     {found.events}")
    typer.echo(f"decisions  {found.decisions}")
    typer.echo(f"head       {found.head.hex()}")
    typer.echo(f"written by {written_by(found)}")
    if at is not None:
        later = f"; {count - at} followed" if count > at else ", the last one"
        typer.echo(f"the head given stood after record {at}{later}: nothing up to it has changed")


def export_journal(wanted: Wanted) -> None:
    """Write the records asked for, all or none.

    Raises
    ------
    FaultsError
        What was asked for cannot be, or the output must not be written to.
    JournalError
        A record up to the last one wanted is not what was written.
    """
    types = _types(wanted)
    if wanted.parquet is not None:
        _export_parquet(wanted, wanted.parquet, types)
    elif wanted.out is not None:
        _export_lines(wanted, wanted.out, types)


def _export_lines(wanted: Wanted, out: Path, types: frozenset[str]) -> None:
    draft = out.with_name(out.name + ".part")
    count = 0
    with Console(stderr=True).status("writing the records …"):
        try:
            with draft.open("wb") as file:
                for line in json_lines(
                    wanted.journal, first=wanted.first or 1, last=wanted.last, types=types
                ):
                    file.write(line + b"\n")
                    count += 1
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    typer.echo(f"{count} record{'' if count == 1 else 's'} of {wanted.journal} in {out}")


def _export_parquet(wanted: Wanted, folder: Path, types: frozenset[str]) -> None:
    from flatbook.journal.parquet import export_parquet  # noqa: PLC0415 - polars takes 0.15 s that only Parquet pays

    with Console(stderr=True).status("proving the chain, writing the tables …"):
        written = export_parquet(
            wanted.journal,
            folder,
            first=wanted.first or 1,
            last=wanted.last,
            types=types,
            unsealed=wanted.unsealed,
        )
    count = sum(written.rows.values())
    typer.echo(
        f"{count} record{'' if count == 1 else 's'} of {wanted.journal} in {written.files} files of {folder}"
    )
    for kind, rows in written.rows.items():
        typer.echo(f"{kind:<22} {rows}")
    typer.echo(f"head {written.head}")


def _head(text: str) -> bytes:
    try:
        head = bytes.fromhex(text)
    except ValueError:
        head = b""
    fail_on(
        ()
        if len(head) == CHAIN_BYTES
        else [
            Fault(
                where="--head",
                found=repr(text),
                expected=f"{2 * CHAIN_BYTES} hexadecimal digits",
                action="give the head as `flatbook journal verify` prints it",
            )
        ]
    )
    return head


def _types(wanted: Wanted) -> frozenset[str]:
    """The names asked for; raises FaultsError telling everything that is wrong with what was asked."""
    files = {"JOURNAL": wanted.journal} | {
        f"JOURNAL's {what}": beside(wanted.journal, what) for what in ("wal", "shm", "journal")
    }
    faults = faults_of_outputs(files, {"--out": wanted.out}) + _faults_of_choice(wanted)
    known = {fact.__name__ for fact in get_args(Fact)} | {DECISION_TYPE}
    names = (
        frozenset() if wanted.types is None else frozenset(name.strip() for name in wanted.types.split(","))
    )
    faults += [
        Fault(
            where="--types",
            found=repr(name),
            expected=f"names out of {', '.join(sorted(known))}",
            action="correct the name, or leave --types out",
        )
        for name in sorted(names - known)
    ]
    if wanted.first is not None and wanted.last is not None and wanted.first > wanted.last:
        faults.append(
            Fault(
                where="--from",
                found=f"{wanted.first}, after --to {wanted.last}",
                expected="a number up to --to",
                action="swap them",
            )
        )
    fail_on(faults)
    return names


def _faults_of_choice(wanted: Wanted) -> list[Fault]:
    """Of the two outputs exactly one, and --unsealed with Parquet alone."""
    faults = []
    if (wanted.out is None) == (wanted.parquet is None):
        faults.append(
            Fault(
                where="--out, --parquet",
                found="neither" if wanted.out is None else "both",
                expected="one of them",
                action="say whether to write lines of JSON (--out FILE) or Parquet (--parquet DIR)",
            )
        )
    if wanted.unsealed and wanted.parquet is None:
        faults.append(
            Fault(
                where="--unsealed", found="it without --parquet", expected="--parquet", action="leave it out"
            )
        )
    return faults
