"""The tutorial's code runs as printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_notebook_example_runs():
    """Copied from the page, not retold."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[0.")


def test_the_least_desk_file_is_a_good_one(tmp_path):
    """The reader takes it as printed."""
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), flags=re.DOTALL)
    (tmp_path / "desk.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "flatbook", "check-config", tmp_path / "desk.toml"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
