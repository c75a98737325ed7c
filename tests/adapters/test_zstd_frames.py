"""A file of zstd frames that is whole, and every way to cut it."""

import io

import pytest

from flatbook.adapters.dbn.zstd_frames import is_whole

dbn = pytest.importorskip("databento_dbn", reason="the optional library databento-dbn is not installed")

from tests.adapters.dbn_samples import AT, cmbp1, metadata  # noqa: E402

from flatbook.adapters.dbn.read import read_recording  # noqa: E402
from flatbook.model.errors import FaultsError  # noqa: E402


def _packed(raw):
    out = io.BytesIO()
    coder = dbn.Transcoder(out, dbn.Encoding.DBN, dbn.Compression.ZSTD)
    coder.write(raw)
    coder.flush()
    del coder  # ends the frame
    return out.getvalue()


@pytest.fixture(scope="module")
def packed():
    return _packed(metadata() + b"".join(cmbp1(7, AT + k, 1.0, 1.1 + k / 100) for k in range(12)))


def test_only_the_whole_file_is_whole(tmp_path, packed):
    """Two frames, a skippable one between; cut anywhere but between frames it is torn."""
    skippable = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    raw, path = packed + skippable + packed, tmp_path / "f.zst"
    ends = {len(packed), len(packed) + len(skippable), len(raw)}
    found = set()
    for cut in range(len(raw) + 1):
        path.write_bytes(raw[:cut])
        if is_whole(path):
            found.add(cut)
    assert found == ends


def test_a_packed_recording_is_read_and_a_torn_one_refused(tmp_path, packed):
    path = tmp_path / "quotes.dbn.zst"
    path.write_bytes(packed)
    assert sum(1 for _ in read_recording(path).moments()) == 12

    path.write_bytes(packed[:-9])
    with pytest.raises(FaultsError, match="torn zstd frame"):
        read_recording(path)
