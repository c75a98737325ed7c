"""Kernels are compiled once, by two processes, and later processes find them."""

import subprocess
import sys

import pytest
from rich.console import Console

from flatbook.cli.warmup import EUROPEAN_FAMILIES, FAMILIES, warm_up
from flatbook.kernel_cache import folder_name

QUICKEST = EUROPEAN_FAMILIES[1]


def test_a_family_is_compiled_once_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    quiet = Console(quiet=True)

    assert warm_up(quiet, [QUICKEST]) == 1
    assert list(tmp_path.rglob("*.nbc"))
    assert warm_up(quiet, [QUICKEST]) == 0


def test_the_european_families_are_families():
    assert set(EUROPEAN_FAMILIES) < set(FAMILIES)


@pytest.mark.parametrize("first", ["import numba", "import sys"])
def test_importing_flatbook_chooses_the_folder_unless_somebody_did(tmp_path, first):
    script = (
        f"{first}\nimport flatbook, numba, os\nprint(os.environ['NUMBA_CACHE_DIR'], numba.config.CACHE_DIR)"
    )
    environment = {"HOME": str(tmp_path), "PATH": ""}

    chosen = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    kept = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"NUMBA_CACHE_DIR": "mine"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert chosen == [str(tmp_path / ".cache" / "flatbook" / folder_name())] * 2
    assert kept == ["mine", "mine"]
