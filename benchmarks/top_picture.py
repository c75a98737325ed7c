"""Draw docs/pictures/top.svg: `flatbook top` as it looks at a running desk.

python -m benchmarks.top_picture http://127.0.0.1:8000
"""

import asyncio
import re
import sys
from pathlib import Path

from flatbook.cli.top_screen import TOPICS, TopScreen
from flatbook.client.desk import LOOPBACK, Desk

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "top.svg"
SIZE = (150, 40)
_WAIT_S = 20.0


async def drawn(desk: Desk) -> str:
    """The screen once it has heard of everything, without fonts from elsewhere."""
    screen = TopScreen(desk)
    async with screen.run_test(size=SIZE) as pilot, asyncio.timeout(_WAIT_S):
        while screen.heard < len(TOPICS):
            await pilot.pause(0.1)
        await pilot.pause(0.5)
        svg = screen.export_screenshot(title="flatbook top")
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")


def main() -> None:
    """Look once."""
    with Desk.connect(sys.argv[1] if len(sys.argv) > 1 else LOOPBACK) as desk:
        PICTURE.write_text(asyncio.run(drawn(desk)), encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
