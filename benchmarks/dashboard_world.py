"""The dashboard over a simulated day, without the live desk: `python -m benchmarks.dashboard_world`.

A day of one-sided call buying is simulated first; its cycles are then shown again and again, five a second.
"""

import sys
import time

from tests.dashboard.serving import Served
from tests.dashboard.worlds import pictures_of, renumbered, stage_of

PERIOD_S = 0.2


def main() -> None:
    """Serve until somebody stops it; with a number, for so many seconds."""
    until = time.monotonic() + float(sys.argv[1]) if len(sys.argv) > 1 else float("inf")
    pictures = pictures_of(stage_of())
    served = Served().start()
    print(served.url, flush=True)
    number = 0
    while time.monotonic() < until:
        for picture in pictures:
            number += 1
            served.publish(renumbered(picture, number))
            time.sleep(PERIOD_S)
            if time.monotonic() >= until:
                break
    served.stop()


if __name__ == "__main__":
    main()
