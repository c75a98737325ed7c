"""A running desk, as a program sees it."""

from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import polars as pl

from flatbook.client.actions import Actions, Previews
from flatbook.client.chains import chained, listed
from flatbook.client.connection import API, Connection, document, token_for
from flatbook.client.errors import UnauthorizedError
from flatbook.client.pages import Page, Schemas
from flatbook.client.stream import Update, update_of, watch, watch_async
from flatbook.dashboard.security.secrets import Secret

LOOPBACK = "http://127.0.0.1:8000"


class Desk:
    """Asks one running desk. `Desk.connect()` makes it; close it, or use it in a `with`.

    Attributes
    ----------
    act : Actions
        What an operator does: each asks for why, and is done once.
    preview : Previews
        What it would change, in money.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listings: dict[tuple[str, int], Page] = {}
        self.act, self.preview = Actions(connection), Previews(connection)

    @classmethod
    def connect(
        cls,
        url: str = LOOPBACK,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        certificates: Path | None = None,
        timeout_s: float = 10.0,
    ) -> Self:
        """Find a desk, and be known to it.

        Parameters
        ----------
        url : str
            As http://127.0.0.1:8000.
        token : str, optional
            Of `flatbook users token`. Left out: of the variable FLATBOOK_TOKEN, or the file in FLATBOOK_TOKEN_FILE; with none of them whoever
            sits at the machine, where the desk has no users.
        token_file : Path, optional
            Of mode 0600.
        certificates : Path, optional
            PEM file of the authorities that vouch for an https address; left out: those of the system.
        timeout_s : float
            For one answer.

        Raises
        ------
        UnauthorizedError
            The desk knows nobody by this token, or asks for one. Sign in by `Desk.at(url).sign_in(name, password)` instead.
        UnreachableError
            Nobody answers there.
        """
        desk = cls.at(url, token=token, token_file=token_file, certificates=certificates, timeout_s=timeout_s)
        try:
            desk._demand_known()
        except BaseException:
            desk.close()
            raise
        return desk

    @classmethod
    def at(
        cls,
        url: str = LOOPBACK,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        certificates: Path | None = None,
        timeout_s: float = 10.0,
    ) -> Self:
        """A desk that is not asked yet; arguments as those of `connect`."""
        told = token_for(token, token_file)
        return cls(Connection(url, told, certificates=certificates, timeout_s=timeout_s))

    def sign_in(self, name: str, password: str) -> Self:
        """Sign in as a person, for what a token may not; raises UnauthorizedError where name or password is wrong."""
        self._connection.sign_in(name, Secret(password))
        return self

    @property
    def url(self) -> str:
        """Where it is."""
        return self._connection.url

    def me(self) -> dict[str, Any]:
        """Who we are to it: name, role, permissions."""
        return self._connection.greet()

    def get(self, path: str, **query: Any) -> Any:
        """The answer to GET of any path of the API, as it came: `desk.get("/head")`."""
        return document(self._connection.get(_path(path), query))

    def page(self, path: str, **query: Any) -> Any:
        """The same, with rows as DataFrames and instants as datetimes."""
        asked = _path(path)
        return self._schemas.shaped(document(self._connection.get(asked, query)), self._schemas.of(asked))

    def head(self) -> Page:
        """How the desk stands: mode, P&L, capital, freshness, speed; alerts and kills as tables."""
        return self._page("/head")

    def desk(self) -> Page:
        """The Desk page: tables `limits`, `exposure`, `buckets`, `prices`, `story`, `marks`."""
        return self._page("/desk")

    def limits(self) -> pl.DataFrame:
        """Limits, worst first: `value` and `limit_hard` in `unit`, `utilisation` as a decimal, 1 is the limit; null is a breach with its `reason`."""
        return self._table("limits")

    def exposure(self) -> pl.DataFrame:
        """Exposure by underlying."""
        return self._table("exposure")

    def story(self) -> pl.DataFrame:
        """What the desk did and why, newest first."""
        return self._table("story")

    def classes(self) -> tuple[str, ...]:
        """Option classes that are listed."""
        return tuple(self.head().scopes.classes)

    def class_(self, name: str) -> Page:
        """The Class page without its chain: tables `slices`, `responses`, `fills`."""
        return self._page(f"/class/{quote(name, safe='')}")

    def listing(self, name: str) -> pl.DataFrame:
        """What is listed of a class, in the order of the columns of its topic."""
        return listed(self._listing(name))

    def chain(self, name: str, expiry: int | None = None) -> pl.DataFrame:
        """The chain of a class, or of one of its expiries by number, with units in the names of its columns."""
        chain = self._page(f"/class/{quote(name, safe='')}/chain", expiry=expiry)
        return chained(chain, self._listing(name, chain.version))

    def anatomy(self, option_class: str, symbol: str) -> Page:
        """Why a series is quoted as it is: `parts` add up to `distance`."""
        return self._page(f"/class/{quote(option_class, safe='')}/series/{quote(symbol, safe='')}")

    def slides(self, **query: str) -> Page:
        """P&L or a Greek over moves of spot and shifts of volatility; `scope`, `time`, `show`, `book` as on the page."""
        return self._page("/slides", **query)

    def hedges(self) -> Page:
        """What is proposed, what works, what was done: tables `proposals`, `working`, `done`, `shortfall`."""
        return self._page("/hedges")

    def capital(self) -> Page:
        """The requirement and what drives it: tables `parts`, `limits`, `asks`, `frees`."""
        return self._page("/capital")

    def residual(self) -> Page:
        """What remains after hedging: tables `kinds` and `entries`."""
        return self._page("/residual")

    def explain(self, of: str | None = None) -> Page:
        """Where the P&L comes from."""
        return self._page("/explain", of=of)

    def markouts(self, by: str | None = None) -> Page:
        """What trades were worth a while later."""
        return self._page("/explain/markouts", by=by)

    def surface(self, name: str) -> Page:
        """Smiles of an underlying, with what they were fitted to."""
        return self._page(f"/surface/{quote(name, safe='')}")

    def obligations(self) -> Page:
        """Clocks of duties, and counters of protections."""
        return self._page("/obligations")

    def journal(self, text: str = "", **query: str | int) -> Page:
        """Records of the journal, the newest first; `kind`, `underlying`, `symbol`, `who`, `severity`, `from_ns`, `to_ns`, `before`, `limit`."""
        return self._page("/journal/records", text=text, **query)

    def record(self, sequence: int) -> Page:
        """One record in full: its fields, what it follows from, and what it led to."""
        return self._page(f"/journal/records/{sequence}")

    def watch(self, *topics: str) -> Iterator[Update]:
        """Updates of topics as they come, until the desk ends: "head", "desk", "class:IDX", "series:SYMBOL"."""
        return watch(self._connection, topics)

    def watch_async(self, *topics: str) -> AsyncIterator[Update]:
        """The same beside other tasks: `async for update in desk.watch_async("desk")`."""
        return watch_async(self._connection, topics)

    def moments(self) -> tuple[int, int]:
        """The first and the last sequence of the journal that can be shown again."""
        told = self.get("/moments")
        return int(told["first"]), int(told["last"])

    def moment(self, sequence: int, topic: str = "desk") -> Update:
        """A topic as it was once the last decision up to this sequence of the journal was taken."""
        answer = self._connection.get(f"{API}/moments/{sequence}", {"topic": topic})
        return update_of(answer.content)

    def close(self) -> None:
        """Ask nothing more."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Where it is; nothing secret."""
        return f"Desk({self.url!r})"

    def _demand_known(self) -> None:
        if not self.me()["signed_in"]:
            reason = (
                "the desk asks who you are: make a token with `flatbook users token NAME` and set FLATBOOK_TOKEN,"
                " or sign in with a password"
            )
            raise UnauthorizedError(401, "not_signed_in", reason)

    @cached_property
    def _schemas(self) -> Schemas:
        return Schemas(document(self._connection.get(f"{API}/openapi.json")))

    def _page(self, path: str, **query: Any) -> Page:
        found = self.page(path, **query)
        assert isinstance(found, Page), f"{path} is an object"
        return found

    def _table(self, name: str) -> pl.DataFrame:
        found = self.desk()[name]
        assert isinstance(found, pl.DataFrame), f"{name} are rows"
        return found

    def _listing(self, name: str, version: int = 0) -> Page:
        """What is listed, asked once for each version of it; 0: as it is now."""
        known = self._listings.get((name, version))
        if known is None:
            known = self._page(f"/class/{quote(name, safe='')}/listing")
            self._listings = {key: page for key, page in self._listings.items() if key[0] != name}
            self._listings[name, known.version] = known
        return known


def _path(path: str) -> str:
    return path if path.startswith(API) else f"{API}/{path.lstrip('/')}"
