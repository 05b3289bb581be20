"""Profiles: the shipped ones are sound, and a wrong one is refused with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.encodings import Encoding, encoding
from boardwright.schemas.errors import BadTarget
from boardwright.targets.profile import FOLDER, Roofline, Target, all_targets, copy_profile, load_target, target_names

ROOFLINE = [f"roofline.{name}" for name in Roofline.model_fields]


def profile(tmp_path: Path, old: str = "", new: str = "", base: str = "rpi5-8gb") -> Path:
    """A copy of a shipped profile with one change."""
    text = (FOLDER / f"{base}.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_shipped_profiles_are_the_boards_we_support() -> None:
    assert target_names() == sorted(
        "armv8 host opi-zero3-1gb opi3b-2gb opi5-8gb opi5plus-4gb rpi-zero2w rpi3bplus rpi4-1gb rpi4-2gb rpi4-4gb "
        "rpi4-8gb rpi5-16gb rpi5-2gb rpi5-4gb rpi5-8gb".split()
    )


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_a_shipped_profile_is_named_as_its_file_and_covers_its_figures_with_sources(target: Target) -> None:
    assert load_target(target.name) == target
    sources = " ".join(target.sources)
    for figures in ("encodings", "budgets.latency_ms_p95", "budgets.rss_mb", "budgets.bundle_mb"):
        assert figures in sources
    if target.arch != "any":
        for figures in ("ram_mb", "cpu.cores", "cpu.qemu", "cpu.features", "threads", "os:", *ROOFLINE):
            assert figures in sources


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_cheaper_encodings_are_tried_first(target: Target) -> None:
    bits = [one.bits_per_weight for one in target.encodings]
    assert bits == sorted(bits)


def test_a_board_needs_a_roofline_and_this_machine_does_not(tmp_path: Path) -> None:
    table = (FOLDER / "rpi5-8gb.toml").read_text().partition("[roofline]")[2].partition("[flash]")[0]
    with pytest.raises(BadTarget, match="roofline"):
        load_target(profile(tmp_path, f"[roofline]{table}", ""))
    assert load_target("host").roofline is None


def test_boards_without_dot_product_do_not_claim_it() -> None:
    claims = {target.name for target in all_targets() if "asimddp" in target.cpu.features}
    assert claims == {"opi3b-2gb", "opi5-8gb", "opi5plus-4gb", *(f"rpi5-{size}gb" for size in (2, 4, 8, 16))}


def test_a_profile_of_ones_own_begins_as_a_copy(tmp_path: Path) -> None:
    path = copy_profile("till-7", "rpi4-2gb", tmp_path / "boards")
    made = load_target(path)
    assert made.name == "till-7"
    assert made == load_target("rpi4-2gb").model_copy(update={"name": "till-7"})
    again = copy_profile("till-8", str(path), tmp_path)
    assert load_target(again).name == "till-8"


def test_a_copy_never_overwrites_and_its_name_is_checked(tmp_path: Path) -> None:
    path = copy_profile("till-7", "armv8", tmp_path)
    path.write_text("mine")
    with pytest.raises(BadTarget, match="there already"):
        copy_profile("till-7", "armv8", tmp_path)
    assert path.read_text() == "mine"
    for name in ("Till 7", "../x", "", "rpi4-2gb"):
        with pytest.raises(BadTarget, match="no name"):
            copy_profile(name, "armv8", tmp_path)
    with pytest.raises(BadTarget, match="no such target"):
        copy_profile("x", "rpi44", tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["till-7.toml"]


def test_host_leaves_to_the_machine_what_the_machine_knows() -> None:
    host = load_target("host")
    assert (host.arch, host.ram_mb, host.cpu.cores, host.threads.prefill, host.threads.decode) == ("any", 0, 0, 0, 0)
    assert host.encodings == tuple(map(Encoding, "Q4_0 IQ4_NL Q4_K_M Q5_0 ONNX_INT8 Q8_0".split()))


def test_anybodys_profile_loads_from_its_path(tmp_path: Path) -> None:
    path = profile(tmp_path, 'name = "rpi5-8gb"', 'name = "till-7"')
    assert load_target(str(path)).name == load_target(path).name == "till-7"


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(BadTarget) as caught:
        load_target("RPI5-8G")
    assert caught.value.next == "did you mean 'rpi5-8gb'?"
    assert "rpi-zero2w" in str(caught.value.allowed)


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("ram_mb = 8192", "ram_mb = '8192'", ": ram_mb", "integer"),
        ("ram_mb = 8192", "", ": ram_mb", "required"),
        ("prefill = 4", "prefil = 4", ": threads.prefil", "no such field"),
        ('python = "3.13"', "python = 3.13", ": os[1].python", "string"),
        ('python = "3.13"', 'python = "2.7"', ": os[1].python", "pattern"),
        ('"IQ4_NL"', '"Q4_0"', ": encodings", "twice"),
        ('"IQ4_NL"', '"Q3_K"', ": encodings[1]", "'Q4_0'"),
        ('layout = "raspios"', 'layout = "pxe"', ": flash.layout", "raspios"),
        ("rss_mb = 600", "rss_mb = 9000", "mine.toml", "ram_mb"),
        ("prefill = 4", "prefill = 5", "mine.toml", "cores"),
        ('qemu = "cortex-a76"', "", "mine.toml", "cpu.qemu"),
        ("bandwidth_gb_s = 13.2", "bandwidth_gb_s = 0", ": roofline.bandwidth_gb_s", "greater than 0"),
        ("compute_efficiency = 0.35", "compute_efficiency = 35", ": roofline.compute_efficiency", "equal to 1"),
        ("[roofline]", "[other]", ": other", "no such field"),
    ],
)
def test_a_wrong_field_is_refused_with_its_place(tmp_path: Path, old: str, new: str, where: str, says: str) -> None:
    with pytest.raises(BadTarget) as caught:
        load_target(profile(tmp_path, old, new))
    assert where in str(caught.value.where)
    assert says in caught.value.what


@pytest.mark.parametrize(
    ("old", "new", "right"), [("ram_mb", "ramm_mb", "ram_mb"), ('glibc = "2.41"', 'glib = "2.41"', "glibc")]
)
def test_a_mistyped_field_gets_the_nearest_one(tmp_path: Path, old: str, new: str, right: str) -> None:
    with pytest.raises(BadTarget) as caught:
        load_target(profile(tmp_path, old, new))
    assert caught.value.next == f"did you mean '{right}'?"


def test_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadTarget) as caught:
        load_target(profile(tmp_path, "[threads]", "[threads]\ndecod = 1"))
    assert str(caught.value.where).endswith("mine.toml: threads.decod")
    assert (caught.value.allowed, caught.value.next) == ("prefill, decode", "did you mean 'decode'?")


@pytest.mark.parametrize("text", ["name = ", "\x00", "name = 'host'\nname = 'host'"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadTarget, match="not TOML"):
        load_target(tmp_path / "mine.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTarget, match="No such file"):
        load_target(tmp_path / "none.toml")


@given(st.text(max_size=40))
def test_any_name_is_a_target_or_a_bad_target(name: str) -> None:
    try:
        assert load_target(name).name == name
    except BadTarget as error:
        assert str(error)


@pytest.mark.parametrize("one", Encoding)
def test_an_encoding_is_found_in_any_case(one: Encoding) -> None:
    assert encoding(one.value.lower()) is one
    assert one.note
    assert one.row_multiple in (1, 32, 64, 256)


def test_an_unknown_encoding_gets_the_nearest_one() -> None:
    with pytest.raises(BadTarget) as caught:
        encoding("q4_nl")
    assert caught.value.next == "did you mean 'IQ4_NL'?"
