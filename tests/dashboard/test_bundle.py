"""The bundle that is committed was built from the source beside it, asks nobody else for anything, and is small."""

import hashlib
import re
from pathlib import Path

import pytest

from flatbook.dashboard.static_files import PAGE, bundle

ROOT = Path(__file__).parents[2]
SOURCE, BUILT = ROOT / "frontend", ROOT / "src" / "flatbook" / "dashboard" / "static"
FILES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
MOST_BYTES, MOST_UNPACKED_BYTES = 200_000, 250_000  # as committed and sent, and as a browser reads it


def source_hash(root):
    """As `frontend/scripts/record.mjs` counts it: path and bytes of every source file, in order of path."""
    found = [root / name for name in FILES]
    found += [
        each
        for folder in ("src", "public", "scripts")
        for each in (root / folder).rglob("*")
        if each.is_file()
    ]
    return hash_of({path.relative_to(root).as_posix(): path.read_bytes() for path in found})


def hash_of(files):
    """SHA-256 over path and bytes of every file, in order of path."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()


@pytest.mark.skipif(not SOURCE.is_dir(), reason="the source of the pages is not here")
def test_the_bundle_was_built_from_this_source():
    """If this fails: `make frontend`, and commit what it built."""
    assert (BUILT / "source.sha256").read_text().strip() == source_hash(SOURCE)


def test_the_bundle_is_what_was_built():
    """Unpacked, byte for byte; how a machine packs it may differ."""
    built = {name: each.body for name, each in bundle().items()}
    assert (BUILT / "built.sha256").read_text().strip() == hash_of(built)


def test_the_bundle_is_whole_and_small():
    """Every file that the page names is there."""
    found = bundle()
    assert sum(len(each.body) for each in found.values()) < MOST_UNPACKED_BYTES
    page = found[PAGE].body.decode()
    named = re.findall(r'(?:src|href)="/([^"]+)"', page)

    assert named
    assert set(named) <= set(found)
    assert sum(each.stat().st_size for each in BUILT.rglob("*") if each.is_file()) < MOST_BYTES


def test_the_bundle_asks_nobody_else_and_holds_nothing_that_the_policy_forbids():
    """No address of another host but names of XML; no inline script, style or handler; no eval."""
    for name, each in bundle().items():
        text = each.body.decode()
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9.-]+\.[a-z]{2,})", text)) - {"www.w3.org"}
        assert hosts == set(), name
        assert not re.search(r"\beval\(|new Function\(", text), name
    page = bundle()[PAGE].body.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
