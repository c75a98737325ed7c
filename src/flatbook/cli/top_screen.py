"""`flatbook top`: one screen in the terminal that follows the stream of a running desk, and changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Protocol

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Static

from flatbook.cli import top_views
from flatbook.client.errors import ClientError, ForbiddenError, UnauthorizedError
from flatbook.client.stream import Update

TOPICS = ("head", "desk")
_WAIT_S, _WAIT_MOST_S = 1.0, 15.0
_LOOK_S = 0.5
_LINES = 200


class Stream(Protocol):
    """What the screen needs of a desk."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    def watch_async(self, *topics: str) -> AsyncIterator[Update]:
        """Updates until the desk ends."""
        ...


class TopScreen(App[None]):
    """Header, limits worst first, exposure, alerts, story."""

    TITLE = "flatbook top"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 - textual declares it of instances
    CSS = """
    Screen { background: $background; }
    #head { height: auto; min-height: 1; background: $surface; }
    #line { height: auto; display: none; color: $text-error; }
    .title { height: 1; color: $text-muted; background: $surface; text-style: bold; }
    .panel { height: auto; padding-right: 1; }
    #numbers { height: auto; max-height: 65%; layout: horizontal; }
    #numbers > VerticalScroll { width: 1fr; height: auto; max-height: 100%; }
    .-narrow #numbers { layout: vertical; }
    .-narrow #numbers > VerticalScroll { width: 100%; }
    #story-scroll { height: 1fr; }
    .stale #numbers, .stale #story-scroll { opacity: 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("space", "freeze", "Freeze"),
        ("t", "theme_other", "Light/dark"),
    ]

    def __init__(self, desk: Stream) -> None:
        super().__init__()
        self.refused = ""  # why the desk let us look no longer; for whoever ran the screen
        self._desk = desk
        self._told: dict[str, Update] = {}
        self._frozen = False
        self._heard_s: float | None = None
        self._lost = "waiting for the desk …"

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Static(id="head")
        yield Static(id="line")
        with Horizontal(id="numbers"):
            with VerticalScroll(can_focus=False):
                yield Static(" LIMITS, worst first", classes="title")
                yield Static(id="limits", classes="panel")
            with VerticalScroll(can_focus=False):
                yield Static(" EXPOSURE, thousands of USD", classes="title")
                yield Static(id="exposure", classes="panel")
                yield Static(" ALERTS", classes="title")
                yield Static(id="alerts", classes="panel")
        yield Static(" WHAT THE DESK IS DOING, newest first", classes="title")
        with VerticalScroll(id="story-scroll"):
            yield Static(id="story", classes="panel")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to listen, and to look how old what is shown has become."""
        self._age()
        self.set_interval(_LOOK_S, self._age)
        self.run_worker(self._follow(), name="stream", exclusive=True)

    @property
    def heard(self) -> int:
        """Of how many topics something has come."""
        return len(self._told)

    def action_freeze(self) -> None:
        """Hold the picture, or let it go on."""
        self._frozen = not self._frozen
        self._age()
        for topic in TOPICS:
            self._draw(topic)

    def action_theme_other(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    async def _follow(self) -> None:
        wait_s = _WAIT_S
        while True:
            try:
                async for update in self._desk.watch_async(*TOPICS):
                    wait_s = _WAIT_S
                    self._hear(update)
                self._lost = "the desk ended"
            except (UnauthorizedError, ForbiddenError) as e:
                self.refused = str(e)
                self.exit(return_code=2)
                return
            except ClientError as e:
                self._lost = str(e)
            self._heard_s = None
            self._age()
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, _WAIT_MOST_S)

    def _hear(self, update: Update) -> None:
        self._told[update.topic] = update
        self._heard_s = asyncio.get_running_loop().time()
        self._draw(update.topic)
        self._age()

    def _draw(self, topic: str) -> None:
        update = self._told.get(topic)
        if update is None or self._frozen:
            return
        data: dict[str, Any] = update.data
        if topic == "head":
            self._show("head", top_views.headline(data, update.at_ns, update.cycle))
            self._show("alerts", top_views.alerts(data))
        else:
            self._show("limits", top_views.limits(data["limits"], _LINES))
            self._show("exposure", top_views.exposure(data["exposure"], data["desk"]))
            self._show("story", top_views.story(data["story"], _LINES))

    def _age(self) -> None:
        """Say when nothing new comes: old numbers must not look like those of now."""
        age_s = None if self._heard_s is None else asyncio.get_running_loop().time() - self._heard_s
        told = ""
        if self._frozen:
            told = "FROZEN: space lets it go on"
        elif age_s is None:
            told = f"{self._desk.url}: {self._lost}"
        elif age_s > top_views.STALE_S:
            told = f"STALE: nothing new for {age_s:.0f} s"
        line = self.query_one("#line", Static)
        line.display = bool(told)
        line.update(Text(f" {told}"))
        self.set_class(bool(told) and not self._frozen, "stale")

    def _show(self, name: str, what: Any) -> None:
        self.query_one(f"#{name}", Static).update(what)
