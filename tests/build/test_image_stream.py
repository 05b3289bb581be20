"""An image is looked at before it is used, and streams as what it is, or breaks off in words."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.image_stream import open_image, xz_size
from boardwright.schemas.errors import KitError

SECTOR = 512
# The boot sector of a lone filesystem, which ends as an MBR does.
FAT = b"\xeb\x3c\x90MSDOS5.0".ljust(446, b"x") + b"Remove disks or other media.".ljust(64) + b"\x55\xaa" * 300


def mbr(sectors: int, kind: int = 0x0C, status: int = 0x80) -> bytes:
    """A first sector with one partition of all but the first sector."""
    entry = struct.pack("<B3xB3xII", status, kind, 1, sectors - 1)
    return random.Random(0).randbytes(446) + entry + bytes(48) + b"\x55\xaa"


def image(sectors: int = 300) -> bytes:
    return mbr(sectors) + random.Random(1).randbytes((sectors - 1) * SECTOR)


def gpt(sectors: int = 300) -> bytes:
    header = b"EFI PART" + bytes(24) + struct.pack("<Q", sectors - 1)
    return mbr(sectors, 0xEE, 0) + header.ljust(SECTOR, b"\0") + random.Random(2).randbytes((sectors - 2) * SECTOR)


def saved(folder: Path, content: bytes, name: str = "an.img") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def read(path: Path, length: int = 1000) -> bytes:
    with open_image(path) as opened:
        return b"".join(opened.chunks(length))


@pytest.mark.parametrize(
    ("pack", "packing", "size"),
    [(bytes, "plain", 153_600), (lzma.compress, "xz", 153_600), (gzip.compress, "gzip", None)],
)
@pytest.mark.parametrize(("content", "table"), [(image(), "MBR"), (gpt(), "GPT")])
def test_an_image_streams_whatever_it_is_called(
    tmp_path: Path, pack: type[bytes], packing: str, size: int | None, content: bytes, table: str
) -> None:
    with open_image(saved(tmp_path, pack(content), "download")) as opened:
        assert (opened.packing, opened.size, opened.at_least, opened.table) == (packing, size, 153_600, table)
        pieces = list(opened.chunks(1000))
        assert b"".join(pieces) == content
        assert {len(piece) for piece in pieces[:-1]} == {1000}


def test_several_streams_are_one_image(tmp_path: Path) -> None:
    half = len(image()) // 2
    packed = lzma.compress(image()[:half]) + lzma.compress(image()[half:])
    assert read(saved(tmp_path, packed)) == image()


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_an_xz_tells_its_size(streams: list[bytes]) -> None:
    packed = b"".join(lzma.compress(content, preset=0) for content in streams)
    assert xz_size(io.BytesIO(packed)) == sum(map(len, streams))


@given(st.binary(max_size=300), st.data())
def test_a_damaged_xz_end_is_an_error_and_no_more(content: bytes, data: st.DataObject) -> None:
    packed = bytearray(lzma.compress(content))
    del packed[data.draw(st.integers(1, len(packed))) :]
    for at in data.draw(st.lists(st.integers(0, max(0, len(packed) - 1)), max_size=3)):
        packed[at] ^= data.draw(st.integers(1, 255))
    try:
        assert xz_size(io.BytesIO(bytes(packed))) == len(content)
    except ValueError as error:
        assert str(error)


class TestIsRefusedBeforeItIsUsed:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "not an image of a disk"),
            (bytes(4096), "not an image of a disk"),
            (image()[:600], "not an image of a disk"),
            (b"PNG" + bytes(100), "not an image of a disk"),
            (lzma.compress(b"a text"), "not an image of a disk"),
            (
                b"\xeb\x3c\x90MSDOS5.0".ljust(446, b"x")
                + b"Remove disks or other media.".ljust(64)
                + b"\x55\xaa" * 300,
                "not an",
            ),
            (image()[:-SECTOR], "cut off"),
            (gpt()[:-SECTOR], "cut off"),
            (lzma.compress(image())[:-100], "damaged or cut off"),
            (lzma.compress(image()) + b"more", "damaged or cut off"),
            (lzma.compress(image()) + bytes(8), "damaged or cut off"),
            (lzma.compress(image()[:-SECTOR]), "cut off"),
            (gzip.compress(image(), mtime=0)[:300], "damaged or cut off"),
            (gzip.compress(image(), mtime=0)[:12], "damaged or cut off"),
            (b"PK\x03\x04" + bytes(999), "packed with zip"),
            (b"\x28\xb5\x2f\xfd" + bytes(999), "packed with zstd"),
        ],
    )
    def test_by_its_contents(self, tmp_path: Path, content: bytes, why: str) -> None:
        with pytest.raises(KitError, match=why) as refused, open_image(saved(tmp_path, content)):
            pass
        assert refused.value.next and refused.value.exit_code == 2

    def test_that_is_not_there_or_not_a_file(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "none.img", Path("/dev/null")):
            with pytest.raises(KitError), open_image(path):
                pass


class TestBreaksOffInWords:
    @pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
    def test_where_it_is_damaged(self, tmp_path: Path, pack: type[bytes]) -> None:
        packed = bytearray(pack(image()))
        packed[len(packed) // 2] ^= 0x55
        with pytest.raises(KitError, match="damaged"):
            read(saved(tmp_path, bytes(packed)))

    def test_where_a_gzip_ends(self, tmp_path: Path) -> None:
        with pytest.raises(KitError, match="damaged or cut off"):
            read(saved(tmp_path, gzip.compress(image())[:-5000] + b"\0\0\0\0"))

    def test_where_a_gzip_holds_less_than_its_table_says(self, tmp_path: Path) -> None:
        with pytest.raises(KitError, match="not as long as it says"):
            read(saved(tmp_path, gzip.compress(image()[:-SECTOR])))

    def test_where_a_plain_file_shrinks_meanwhile(self, tmp_path: Path) -> None:
        path = saved(tmp_path, image())
        with open_image(path) as opened:
            chunks = opened.chunks(1000)
            next(chunks)
            path.write_bytes(image()[:100_000])
            with pytest.raises(KitError, match="not as long as it says"):
                list(chunks)
