"""A copy is right, or it fails and the card does not boot: whatever the card does."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.verified_copy import EMPTIED, FIRST, MARK, PIECE, Written, copy
from boardwright.schemas.errors import FlashFailed, KitError
from tests.build.cards import HARMLESS, KINDS, SECTOR, Card, Fault, drawn_fault

CHUNK = 256 * 1024  # less than EMPTIED, so that only the first chunk is written twice
SEEDS = range(200)


def pieces(image: bytes, chunk: int) -> Iterator[bytes]:
    return (image[at : at + chunk] for at in range(0, len(image), chunk))


def put(image: bytes, card: Card, chunk: int = CHUNK) -> Written:
    return copy(pieces(image, chunk), card, len(image))


def bootable(seed: random.Random, size: int) -> bytes:
    return seed.randbytes(510) + b"\x55\xaa" + seed.randbytes(size - 512)


def drawn(seed: int) -> tuple[bytes, Card]:
    """An image, and a card with another one on it and one fault."""
    chance = random.Random(seed)
    image = bootable(chance, chance.randrange(16, 3000) * SECTOR + chance.choice((0, 0, 100)))
    old = bootable(chance, len(image) // SECTOR * SECTOR + chance.randrange(1, 100) * SECTOR)
    return image, Card(old, drawn_fault(chance, len(image), CHUNK))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_fault_is_detected_and_the_card_does_not_boot(seed: int) -> None:
    image, card = drawn(seed)
    with pytest.raises(FlashFailed) as failed:
        put(image, card)
    assert card.data[:FIRST] != image[:FIRST]
    if "plainly not bootable" in failed.value.what:
        assert card.data.startswith(MARK)
    else:
        assert "is not known" in failed.value.what


def test_the_seeded_faults_are_of_all_kinds_and_everywhere() -> None:
    faults = [drawn(seed)[1].fault for seed in SEEDS]
    assert {fault.kind for fault in faults} == set(KINDS)
    for least, most in ((0, FIRST), (FIRST, CHUNK), (CHUNK, 3000 * SECTOR)):
        assert sum(least <= fault.place < most for fault in faults) > 25
    assert sum(fault.after > 0 for fault in faults) > 25


def test_without_the_fault_each_of_them_is_right() -> None:
    for seed in SEEDS[:10]:
        image, card = drawn(seed)
        card.fault = Fault("is sound")
        put(image, card)
        assert card.holds(image)


@given(
    size=st.one_of(st.integers(1, 3 * FIRST), st.integers(1, 100_000)),
    room=st.integers(0, 20_000),
    chunk=st.integers(FIRST, 50_000),
    kind=st.sampled_from([*KINDS, *HARMLESS]),
    place=st.integers(0, 100_000),
    after=st.integers(0, 2),
    content=st.sampled_from(["random", "zeros", "one sector over and over", "what is there"]),
    seed=st.integers(0, 999),
)
def test_the_card_holds_the_image_or_the_copy_fails(
    size: int, room: int, chunk: int, kind: str, place: int, after: int, content: str, seed: int
) -> None:
    chance = random.Random(seed)
    old = chance.randbytes(size + room)
    image = {
        "random": lambda: chance.randbytes(size),
        "zeros": lambda: bytes(size),
        "one sector over and over": lambda: (chance.randbytes(SECTOR) * (size // SECTOR + 1))[:size],
        "what is there": lambda: old[:size],
    }[content]()
    place %= size
    card = Card(old, Fault(kind, max(1, place) if kind == "wraps around" else place, after, seed % 8))
    try:
        written = put(image, card, chunk)
    except FlashFailed:
        assert kind not in HARMLESS
    else:
        assert card.holds(image)
        assert written.size == size
        if kind not in ("wraps around", "writes to the wrong sector"):
            assert card.data[size:] == old[size:], "written behind the image's end"


@pytest.mark.parametrize("stop", [0, FIRST + 1, 700_000, 1_500_000])
def test_ctrl_c_leaves_a_card_that_does_not_boot(stop: int) -> None:
    class Stopped(Card):
        def write(self, offset: int, data: bytes | memoryview) -> int:
            if self.data.startswith(MARK) and offset <= stop < offset + len(data):
                self.__class__ = Card  # type: ignore[assignment]
                raise KeyboardInterrupt
            return super().write(offset, data)

    image = bootable(random.Random(1), 2_000_000)
    card = Stopped(bytes(2_000_000), Fault("is sound"))
    with pytest.raises(KeyboardInterrupt):
        put(image, card)
    assert card.data.startswith(MARK)
    put(image, card)
    assert card.holds(image)


@pytest.mark.parametrize("over", [1, SECTOR, FIRST])
def test_a_card_that_wraps_around_onto_its_first_block_only(over: int) -> None:
    """All of the body reads back as written: only the mark tells."""
    size = 1_000_448
    image = bootable(random.Random(8), size + over)
    card = Card(bytes(size + over), Fault("wraps around", size))
    with pytest.raises(FlashFailed, match="less room than it says"):
        put(image, card)
    assert card.data.startswith(MARK)


def test_the_first_difference_is_named() -> None:
    image = bootable(random.Random(2), 2_000_000)
    card = Card(bytes(2_000_000), Fault("flips a bit", 1_500_000))
    with pytest.raises(FlashFailed, match="does not hold") as failed:
        put(image, card)
    named = int(str(failed.value.where).split("byte ")[1].split()[0].replace(",", ""))
    assert named <= 1_500_000 < named + PIECE


def test_a_source_that_breaks_off_is_a_failure_of_the_card_too() -> None:
    def breaking() -> Iterator[bytes]:
        yield image[:1_000_000]
        raise KitError("The xz file is damaged.", where="an.img.xz", next="download it again")

    image = bootable(random.Random(3), 2_000_000)
    card = Card(image, Fault("is sound"))
    with pytest.raises(FlashFailed, match=r"The xz file is damaged\. It is plainly not bootable now\.") as failed:
        copy(breaking(), card)
    assert (failed.value.where, failed.value.next, failed.value.exit_code) == ("an.img.xz", "download it again", 1)
    assert card.data.startswith(MARK)


def test_a_source_that_gives_nothing_leaves_the_card_as_it_was() -> None:
    def break_off(piece: bytes) -> bytes:
        raise KitError("The xz file is damaged.")

    card = Card(b"old" * 1000, Fault("is sound"))
    with pytest.raises(KitError) as failed:
        copy(map(break_off, [b""]), card)
    assert failed.value.exit_code == 2
    assert card.data == b"old" * 1000


def test_an_image_that_grows_past_the_card_is_stopped() -> None:
    image = bootable(random.Random(4), 2_000_000)
    card = Card(bytes(1_500_160), Fault("is sound"))
    with pytest.raises(FlashFailed, match="larger than this disk"):
        copy(pieces(image, 100_000), card)
    assert card.data.startswith(MARK)


class TestOldGpt:
    @pytest.mark.parametrize("sector", [512, 4096])
    def test_is_taken_away_at_the_disks_end(self, sector: int) -> None:
        old = bytearray(random.Random(5).randbytes(4 * EMPTIED))
        old[-sector:][:8] = b""
        old[len(old) - sector : len(old) - sector + 8] = b"EFI PART"
        card = Card(bytes(old), Fault("is sound"))
        image = bootable(random.Random(6), EMPTIED)
        put(image, card)
        assert card.holds(image)
        assert card.data[-FIRST:] == bytes(FIRST)
        assert card.data[len(image) : -FIRST] == old[len(image) : -FIRST]

    def test_that_is_the_images_own_stays(self) -> None:
        image = bytearray(bootable(random.Random(7), 3 * EMPTIED))
        image[-512:-504] = b"EFI PART"
        card = Card(bytes(image), Fault("is sound"))
        put(bytes(image), card)
        assert card.holds(bytes(image))
