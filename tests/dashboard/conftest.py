"""One short day for all tests of the pages, and one browser for all tests of a module."""

import shutil
from contextlib import contextmanager

import pytest

from tests.dashboard.worlds import pictures_of, stage_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def pictures():
    """Snapshots of two minutes of one-sided call buying."""
    return pictures_of(stage_of(minutes=2.0))


@pytest.fixture(scope="session")
def picture(pictures):
    """The last of them."""
    return pictures[-1]


@pytest.fixture(scope="module")
def browser():
    """Of a module and no longer: while it runs, no other event loop may run in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as play:
        one = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def browsing(browser):
    """Pages that remember every complaint, every breach of the policy and every address that they asked."""

    @contextmanager
    def one(desk, *, tour=False, **context):
        made = browser.new_context(viewport={"width": 1440, "height": 900}, **context)
        if not tour:
            made.add_init_script("localStorage.setItem('flatbook.tour', 'seen')")
        made.add_init_script(
            "document.addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.blockedURI))"
        )
        page = made.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("websocket", lambda socket: page.asked.append(socket.url.replace("ws://", "http://")))
        yield page
        made.close()
        assert page.complaints == []
        assert [url for url in page.asked if not url.startswith(desk.url)] == []

    return one
