"""Five thousand rows, five times a second, reach the screen: no publication is lost for good and the browser complains of nothing.

How long each takes is a matter of the machine: `python -m benchmarks.dashboard_lag` tells. Needs the browser of the machine; where there is
none it is skipped.
"""

import pytest
from benchmarks.dashboard_lag import CHROMIUM, measure, wide


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_five_thousand_rows_five_times_a_second_are_painted():
    """All but a few publications, and the last one, though the machine is busy."""
    pytest.importorskip("playwright.sync_api")
    lags = measure(wide(), 3.0)

    assert lags.rows >= 5_000
    assert lags.complaints == []
    assert lags.ms.size >= 0.6 * lags.sent, lags.text
    assert (lags.ms >= 0.0).all(), lags.text
