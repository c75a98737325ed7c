"""`flatbook journal`: prove a journal, write it out, decide it again."""

from pathlib import Path
from typing import Annotated

import typer

journal_app = typer.Typer(
    help="Prove, export and replay a journal: every fact and decision of a desk in one file.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_FILE_HELP = "A journal of flatbook; one still being written is read up to its last commit."


@journal_app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="JOURNAL", help=_FILE_HELP)],
    head: Annotated[
        str | None,
        typer.Option(help="A head written down elsewhere, 64 hexadecimal digits: is it still in the chain?"),
    ] = None,
) -> None:
    """Prove the hash chain, and tell how many events and decisions it binds, its head, and whether it was closed in order.

    A head stands for every record up to it. Keep it where the writer of the file cannot change it: with --head it proves later that
    all of them are there as they were, though records may have followed.

    Ends with exit code 2 and the first wrong record where the file is not what was written.

    Example: [bold]flatbook journal verify day.journal[/bold]
    """
    from flatbook.cli.journal_files import verify_journal  # noqa: PLC0415 - heavy imports wait

    verify_journal(path, head)


@journal_app.command()
def export(
    path: Annotated[Path, typer.Argument(metavar="JOURNAL", help=_FILE_HELP)],
    out: Annotated[Path | None, typer.Option(help="Where to write: one JSON object a line.")] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="A new folder: one Parquet table for each kind and day.")
    ] = None,
    first: Annotated[int | None, typer.Option("--from", min=1, help="The first record to write.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=1, help="The last record to write.")] = None,
    types: Annotated[
        str | None,
        typer.Option(help="Only these, with commas between: Fill,FillBusted,Decision. Default: all."),
    ] = None,
    unsealed: Annotated[
        bool, typer.Option("--unsealed", help="With --parquet: also of a journal that was not closed.")
    ] = False,
) -> None:
    """Write the records as lines of JSON, each with sequence, kind, cause, type and fields, or as Parquet for analysis.

    The chain is proven up to the last record written. Of a damaged journal nothing is written, unless --to stops before the first wrong
    record, which `flatbook journal verify` names.

    Parquet is of a journal that is closed: --unsealed takes what is proven of one that is not, up to --to where that is given.

    Example: [bold]flatbook journal export day.journal --types Fill,Decision --out fills.jsonl[/bold]

    Example: [bold]flatbook journal export day.journal --parquet history[/bold]
    """
    from flatbook.cli.journal_files import Wanted, export_journal  # noqa: PLC0415 - heavy imports wait

    export_journal(
        Wanted(journal=path, out=out, parquet=parquet, first=first, last=last, types=types, unsealed=unsealed)
    )


@journal_app.command()
def replay(
    path: Annotated[Path, typer.Argument(metavar="JOURNAL", help=_FILE_HELP)],
    until: Annotated[
        int | None, typer.Option(min=1, help="Stop after this record, and look at nothing beyond it.")
    ] = None,
) -> None:
    """Decide every cycle again from the facts, and compare with what was decided, byte for byte: `flatbook replay` does the same.

    Cycles that have no decision because the writer died in between are told; they are no fault.

    Example: [bold]flatbook journal replay day.journal --until 5000[/bold]
    """
    from flatbook.cli.replay import replay_journal  # noqa: PLC0415 - heavy imports wait

    replay_journal(path, until)
