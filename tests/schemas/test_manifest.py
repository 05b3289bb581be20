"""One manifest, one spelling; and what it will not name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.errors import BadBundle
from boardwright.schemas.manifest import MAX_MANIFEST, make_manifest, parse_manifest

ENTRY = {"name": "model.gguf", "sha256": "0" * 64, "size": 1}


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "name": "invoice",
        "version": "1.0.0",
        "counter": 1,
        "task": "invoice",
        "target": "pi5",
        "runtime": "llama.cpp",
        "encoding": "Q8_0",
        "model": "model.gguf",
        "files": [ENTRY],
        "student": "SmolLM2-135M-Instruct",
        "created_by": "boardwright 0.1.0",
        "key_id": "DBC812E956156B68",
        **changes,
    }


def named(*names: str) -> dict[str, Any]:
    return fields(files=[ENTRY, *({**ENTRY, "name": name} for name in names)])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.integers(1, 2**63 - 1))
def test_what_is_encoded_is_read_back(scores: dict[str, Any], counter: int) -> None:
    manifest = make_manifest(fields(scores=scores, counter=counter))
    assert parse_manifest(manifest.encode()) == manifest
    assert manifest.bundle_name == "invoice-1.0.0-pi5.bwb"


@pytest.mark.parametrize("name", ["task.py", "a/b/c.d", "_x/__init__.py", "A-1_2.whl", "x" * 120])
def test_plain_names_are_fine(name: str) -> None:
    assert make_manifest(named(name)).files[1].name == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "/", "/x", "../x", "a/../b", "a/..", "a//b", "a/", "./a", "a/./b", "a\\b", "a b", "a\n", "a\0b",
        "é", "-rf", "a/-x", ".hidden", "a:b", "~", "x" * 121, "manifest.json", "MANIFEST.json", "manifest.json.minisig",
        "manifest.json/x", "model.gguf", "Model.gguf", "model.gguf/x",
    ],
)  # fmt: skip
def test_evil_names_are_refused(name: str) -> None:
    with pytest.raises(BadBundle):
        make_manifest(named(name))


@given(st.text(max_size=20))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        make_manifest(named(name))
    except BadBundle:
        return
    assert all(part not in ("", ".", "..") for part in name.split("/"))
    assert name.isascii() and "\\" not in name


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"files": [ENTRY, {**ENTRY, "name": "../x"}]}, ".files[1].name"),
        ({"files": [{**ENTRY, "size": -1}]}, ".files[0].size"),
        ({"files": [{**ENTRY, "size": 2**32}]}, ".files[0].size"),
        ({"files": [{**ENTRY, "size": "1"}]}, ".files[0].size"),
        ({"files": [{**ENTRY, "sha256": "0" * 63}]}, ".files[0].sha256"),
        ({"files": [{**ENTRY, "sha256": "A" * 64}]}, ".files[0].sha256"),
        ({"files": [{**ENTRY, "sha256": "0" * 64 + "\n"}]}, ".files[0].sha256"),
        ({"files": []}, ".files"),
        ({"counter": 0}, ".counter"),
        ({"counter": True}, ".counter"),
        ({"counter": 1.0}, ".counter"),
        ({"version": "1 0"}, ".version"),
        ({"version": "1\n"}, ".version"),
        ({"task": "../x"}, ".task"),
        ({"runtime": "pickle"}, ".runtime"),
        ({"student": "\x1b[2J"}, ".student"),
        ({"student": "\ud800"}, ".student"),
        ({"scores": {"f1": float("nan")}}, ".scores"),
        ({"scores": {"f1": "\ud800"}}, ".scores"),
        ({"licences": [{"name": "x", "license": "MIT"}]}, ".licences[0].source"),
        ({"key_id": "dbc812e956156b68"}, ".key_id"),
        ({"more": 1}, ".more"),
        ({"model": "other.gguf"}, "manifest.json: ."),
        ({"files": [{**ENTRY, "size": 2**31}, {**ENTRY, "name": "x", "size": 2**31}]}, "manifest.json: ."),
    ],
)
def test_the_error_names_the_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadBundle) as caught:
        make_manifest(fields(**changes))
    assert str(caught.value.where).endswith(where)
    str(caught.value).encode()


def test_another_format_is_named_before_its_fields() -> None:
    data = json.dumps({**fields(), "format": 2, "unheard_of": 1}).encode()
    with pytest.raises(BadBundle, match="another format") as caught:
        parse_manifest(data)
    assert caught.value.value == 2


def respell(text: str) -> list[str]:
    return [
        text.replace("  ", " "),
        text + "\n",
        text.replace('"counter": 1,', '"counter": 1, "counter": 1,'),
        text.replace('"counter": 1,', '"counter": 1.0,'),
        text.replace('"format": 1,', '"format": true,'),
        text.replace('"invoice"', '"\\u0069nvoice"'),
        text.replace('"scores": {}', '"scores": {"x": 1e0}'),
    ]


@pytest.mark.parametrize("number", range(7))
def test_another_spelling_is_refused(number: int) -> None:
    text = make_manifest(fields()).encode().decode()
    other = respell(text)[number]
    assert other != text
    with pytest.raises(BadBundle):
        parse_manifest(other.encode())


@given(st.binary(max_size=100) | st.text('{}[]"format:1,0e\\ud8').map(str.encode))
def test_junk_is_refused_in_words(junk: bytes) -> None:
    with pytest.raises(BadBundle):
        parse_manifest(junk)


@pytest.mark.parametrize(
    "junk",
    [b"[" * 100_000, b'{"format":' * 50_000, b"9" * 5000, b" " * (MAX_MANIFEST + 1), b'{"format": 1, "\\ud800": 1}'],
    ids=["deep list", "deep object", "long number", "long", "surrogate"],
)
def test_traps_for_parsers_are_refused(junk: bytes) -> None:
    with pytest.raises(BadBundle) as caught:
        parse_manifest(junk)
    str(caught.value).encode()
