"""Every page of a desk at work, looked at by a browser: `python -m benchmarks.dashboard_walk [FOLDER]`.

Starts `flatbook run` on a free port, watches the first wave of call buying, walks every page, goes back to a moment of the wave, and writes what
it saw as pictures to FOLDER (default docs/pictures/dashboard). It ends with 1 where the browser complained or somebody else was asked for
anything. Needs Chromium.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "frontend" / "src" / "pages" / "index.ts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = {"width": 1440, "height": 900}
CALM_S, WAVE_S, AFTER_S = 12.0, 50.0, 125.0  # after the desk began to quote
MINUTES = 8
_READY_S = 900.0


def main() -> int:
    """Walk; the exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures" / "dashboard"
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable, "-m", "flatbook", "run", "--port", "0", "--minutes", f"{MINUTES}",
            "--journal", f"{scratch}/desk.journal", "--log", f"{scratch}/desk.log",
        ]  # fmt: skip
        desk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        try:
            return _walk(_address(desk), folder)
        finally:
            desk.terminate()
            desk.wait(60)


def _address(desk: subprocess.Popen[str]) -> str:
    assert desk.stdout is not None
    for line in desk.stdout:
        found = re.match(r"dashboard\s+(http\S+)/", line)
        if found:
            return found[1]
    sys.exit("the desk ended before it served anything")


def _walk(address: str, folder: Path) -> int:
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    asked: set[str] = set()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=SIZE)
        page = context.new_page()
        page.goto(f"{address}/desk")
        page.wait_for_selector('[data-test="clock"]', timeout=1e3 * _READY_S)
        begun = time.monotonic()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.wait_for_timeout(1e3 * CALM_S)
        page.screenshot(path=folder / "desk-tour.png")
        page.evaluate("localStorage.setItem('flatbook.tour', 'seen')")
        page.reload()
        for name, at_s in (("desk-wave", WAVE_S), ("desk-after", AFTER_S)):
            page.wait_for_timeout(max(0.0, 1e3 * (begun + at_s - time.monotonic())))
            page.screenshot(path=folder / f"{name}.png")
        for path in re.findall(r"path: '(\w+)'", PAGES.read_text()):
            if path != "desk":
                _look(page, f"{address}/{path}", folder / f"{path}.png")
        _past(page, address, folder / "replay.png")
        page.emulate_media(color_scheme="dark")
        _look(page, f"{address}/desk", folder / "desk-dark.png")
        browser.close()
    others = sorted(url for url in asked if not url.startswith((address, "data:")))
    for line in complaints:
        print(f"complaint: {line}")
    for url in others:
        print(f"asked somebody else: {url}")
    print(f"{len(asked)} requests, {len(others)} of them to others; {len(complaints)} complaints; {folder}")
    return 1 if complaints or others else 0


def _look(page: Any, url: str, picture: Path) -> None:
    page.goto(url)
    page.wait_for_selector('[data-test="clock"]')
    page.wait_for_timeout(4_000)
    page.screenshot(path=picture)


def _past(page: Any, address: str, picture: Path) -> None:
    """The desk as it was in the middle of the wave."""
    told = page.evaluate("fetch('/api/v1/desk').then((answer) => answer.json())")
    hedged = [line for line in told["story"] if line["kind"] == "hedge"]
    wanted = hedged[-1]["sequence"] if hedged else told["story"][-1]["sequence"]
    page.goto(f"{address}/desk?at={wanted}")
    page.wait_for_selector(".banner.replay", timeout=60_000)
    page.wait_for_timeout(4_000)
    page.screenshot(path=picture)


if __name__ == "__main__":
    sys.exit(main())
