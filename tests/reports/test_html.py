"""One page that stands alone, whatever things are called."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest

from flatbook.reports.chains import HELD, STRIKES, shown
from flatbook.reports.html import render_html
from tests.reports.conftest import HOSTILE

SECTIONS = (
    "limits",
    "hedges",
    "offset",
    "exposure",
    "capital",
    "slides",
    "inventory",
    "quotes",
    "residual",
    "price",
    "shifts",
    "market",
)
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Tags, attributes and words of a page; faults where tags do not close."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.attributes, self.words, self.open, self.faults = [], set(), [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(report):
    """A day without trouble."""
    return render_html(report)


@pytest.mark.parametrize("name", ["report", "hurt_report", "empty_report"])
def test_the_page_is_well_formed_and_holds_every_section(name, request):
    """Every tag closes; nothing is left open."""
    page = Page(render_html(request.getfixturevalue(name)))

    assert ([], []) == (page.faults, page.open)
    assert set(SECTIONS) <= set(page.ids)


def test_the_page_asks_nothing_of_the_world(page):
    """No address, no script, no handler, and a policy that forbids them."""
    found = Page(page)

    assert re.search(r"https?:|//[a-z]|@import|javascript:", page) is None
    assert {"#hatch"} == set(re.findall(r"url\(([^)]*)\)", page))
    assert not found.tags & {"script", "iframe", "object", "embed", "img", "link", "form"}
    assert [] == [name for name, _ in found.attributes if name.startswith("on") or name == "src"]
    assert all(value.startswith("#") for name, value in found.attributes if name == "href")
    contents = [value for name, value in found.attributes if name == "content"]
    assert [True] == [value.startswith("default-src 'none';") for value in contents if "-src" in value]


def test_hostile_names_are_words_and_nothing_else(hurt_report):
    """A desk and a symbol that would be markup."""
    text = render_html(hurt_report)
    page = Page(text)

    assert HOSTILE not in text
    assert "<img" not in text
    assert HOSTILE in "".join(page.words)
    assert '<img src=x onerror="x">' in "".join(page.words)


def test_synthetic_data_says_so_and_real_data_does_not(report, page):
    """In the title and in the header."""
    sources = msgspec.structs.replace(report.header.sources, synthetic=False)
    real = render_html(
        msgspec.structs.replace(report, header=msgspec.structs.replace(report.header, sources=sources))
    )

    assert page.count("SYNTHETIC") >= 2
    assert "SYNTHETIC" not in real


def test_the_page_tells_headline_hedge_and_worst_limit_first(report, page):
    """In this order."""
    worst = report.limits[0]
    at = [page.index(part) for part in (report.header.headline, f"{worst.scope} <span", "Buy 43 ESM19")]

    assert page.index("<h1>") < at[0]
    limits = page[page.index('id="limits"') :]
    scopes = [limits.index(f"<title>{row.name}:") for row in report.limits]
    assert sorted(scopes) == scopes


def test_what_is_missing_is_a_dash_with_a_word_and_not_a_zero(hurt_report):
    """On hover."""
    assert 'title="does not exist: the JSON says why, under reasons">–<' in render_html(hurt_report)


def test_only_quotes_near_the_money_or_held_are_on_the_page(report):
    """The rest is counted and left to the JSON."""
    on_page = shown(report)
    symbols = {one.symbol for one in on_page.held} | {
        one.symbol for chain in on_page.chains for row in chain.rows for one in (row.call, row.put) if one
    }

    assert len(report.quotes.series) - len(symbols) == on_page.left_out > 0
    assert all(len(chain.rows) <= STRIKES for chain in on_page.chains)
    assert len(on_page.held) <= HELD
    assert {one.symbol for one in report.inventory.series} <= symbols


def test_light_and_dark_and_print_are_provided_for(page):
    """By the reader's own choice."""
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "tabular-nums" in page


@pytest.mark.parametrize(
    "name",
    [
        "plan.html.j2",
        "charts.html.j2",
        "capital.html.j2",
        "offset.html.j2",
        "conditions.html.j2",
        "price.html.j2",
        "plan.css",
    ],
)
def test_the_templates_lie_beside_the_code(name):
    """So that they ship with it."""
    assert (files("flatbook.reports") / name).is_file()
