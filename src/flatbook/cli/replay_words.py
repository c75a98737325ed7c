"""What the commands on a journal say of it in the same words."""

from flatbook.journal.replay import Verification


def closed(proven: Verification) -> str:
    """How the journal ended, in words."""
    return "closed in order" if proven.sealed else "not closed: the writer was interrupted, or still writes"


def written_by(proven: Verification) -> str:
    """The build that wrote the journal, as it told."""
    return ", ".join(
        f"{name} {version}" for name, version in proven.manifest.items() if name != "config_blake2b"
    )
