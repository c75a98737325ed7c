"""Where the file of users lies, unless somebody says otherwise."""

from collections.abc import Mapping
from pathlib import Path


def users_path(environment: Mapping[str, str]) -> Path:
    """By FLATBOOK_USERS, else below XDG_DATA_HOME, else below the home folder."""
    told = environment.get("FLATBOOK_USERS")
    if told:
        return Path(told)
    below = environment.get("XDG_DATA_HOME")
    return (Path(below) if below else Path.home() / ".local" / "share") / "flatbook" / "users.db"
