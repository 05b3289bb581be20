"""The invoices that train and test the shipped task: every gold value is there to be read, and nothing leaks."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import re
import statistics
import subprocess
import sys
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boardwright.schemas.tasks.invoice import _facts, _noise, _values, _vendors, documents
from boardwright.schemas.tasks.invoice._labels import LABELS
from boardwright.schemas.tasks.invoice._places import COUNTRIES

MANY = 2000
VERBATIM = {"vendor": 60, "invoice_number": 24, "order_number": 24}
MARKS = re.compile(r"[€$£¥]|zł|Kč|\bkr\b|\b(?:EUR|USD|GBP|CHF|SEK|PLN|CZK|JPY)\b")


@cache
def drafts(part: str) -> list[documents.Draft]:
    return list(islice(documents.drafts(3, part), MANY))


both = pytest.mark.parametrize("part", documents.PARTS)


def renderings(record: dict[str, str | None], language: str) -> tuple[list[str], list[str]]:
    """All ways to print the record's date and total."""
    issued, total, whole = record["date"], record["total"], record["currency"] == "JPY"
    return (
        [_values.day(date.fromisoformat(issued), style, language) for style in _values.DATES] if issued else [],
        [_values.amount(int(total.replace(".", "")), style, whole) for style in _values.AMOUNTS] if total else [],
    )


@both
def test_the_same_seed_and_part_give_the_same_documents(part: str) -> None:
    first, again, other = (list(islice(documents.generate(seed, part), 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_stream_does_not_depend_on_the_process() -> None:
    code = (
        "from itertools import islice; from boardwright.schemas.tasks.invoice.documents import generate; "
        "print(*(ascii(example.line()) for example in islice(generate(5, 'train'), 200)), sep='\\n')"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "77"},
        check=True,
        capture_output=True,
        text=True,
    )
    here = [ascii(example.line()) for example in islice(documents.generate(5, "train"), 200)]
    assert elsewhere.stdout.splitlines() == here


def test_the_folder_loads_as_a_package_of_any_name() -> None:
    assert documents.__file__
    folder = Path(documents.__file__).parent
    spec = importlib.util.spec_from_file_location(
        "some_task", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    sys.modules["some_task"] = package = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(package)
        loaded = importlib.import_module("some_task.documents")
        assert next(loaded.generate(3, "valid")) == next(documents.generate(3, "valid"))
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "some_task"]:
            del sys.modules[name]


def test_an_unknown_part_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="test"):
        documents.generate(1, "test")


@both
def test_verbatim_fields_stand_in_the_text_on_one_line(part: str) -> None:
    for draft in drafts(part):
        for field, longest in VERBATIM.items():
            value = draft.example.record[field]
            assert value is None or (value in draft.example.text and "\n" not in value and len(value) <= longest)


@both
def test_dates_and_totals_stand_in_the_text_in_a_known_format(part: str) -> None:
    for draft in drafts(part):
        dates, totals = renderings(draft.example.record, draft.facts.language)
        assert not dates or any(rendering in draft.example.text for rendering in dates), draft.example
        assert not totals or any(rendering in draft.example.text for rendering in totals), draft.example


@both
def test_a_currency_is_named_if_and_only_if_it_is_gold(part: str) -> None:
    for draft in drafts(part):
        currency, text = draft.example.record["currency"], draft.example.text
        if currency is None:
            assert not MARKS.search(text), draft.example
        else:
            assert currency in text or _values.SYMBOLS[currency] in text, draft.example


@both
def test_records_have_the_promised_form(part: str) -> None:
    for number, draft in enumerate(drafts(part)):
        record = draft.example.record
        assert draft.example.id == f"invoice-{part}-3-{number:06}"
        assert list(record) == ["vendor", "invoice_number", "order_number", "date", "currency", "total"]
        assert record["date"] is None or date.fromisoformat(record["date"]).isoformat() == record["date"]
        assert record["currency"] is None or record["currency"] in _values.CURRENCIES
        if record["total"] is not None:
            assert re.fullmatch(r"[1-9]\d*\.\d\d", record["total"])
            assert 3 <= float(record["total"]) <= 250_000
            assert record["currency"] != "JPY" or record["total"].endswith(".00")


@both
def test_a_date_in_figures_is_day_first(part: str) -> None:
    found = 0
    for draft in drafts(part):
        for _, second, _ in re.findall(r"(?<![\w/])(\d\d)/(\d\d)/(\d{4})(?![\w/])", draft.example.text):
            assert int(second) <= 12, draft.example
            found += 1
    assert found > 100


@both
def test_missing_values_are_as_frequent_as_designed(part: str) -> None:
    for field, designed in _facts.ABSENT.items():
        share = min(0.4, _facts.PRACTICE * designed) if part == "train" else designed
        absent = sum(draft.example.record[field] is None for draft in drafts(part)) / MANY
        # Three standard errors of a share among 2,000, and a little for documents that were too short or long.
        assert absent == pytest.approx(share, abs=3 * (share * (1 - share) / MANY) ** 0.5 + 0.005), field


@both
def test_documents_are_short_and_no_two_are_alike(part: str) -> None:
    texts = [draft.example.text for draft in drafts(part)]
    assert len(set(texts)) == MANY
    assert all(documents.MIN_CHARS <= len(text) <= documents.MAX_CHARS == 400 for text in texts)
    assert 180 <= statistics.mean(map(len, texts)) <= 280


@both
def test_languages_currencies_families_and_noise_are_all_there(part: str) -> None:
    seen = drafts(part)
    assert {draft.facts.language for draft in seen} == set(LABELS)
    assert {draft.example.record["currency"] for draft in seen} == {*_values.CURRENCIES, None}
    assert {draft.layout.split("-")[0] for draft in seen} == {"block", "letter", "receipt", "inline", "keyed", "table"}
    assert 0.11 < sum(draft.noisy for draft in seen) / MANY < 0.19
    assert len({draft.layout for draft in seen}) > 250


def test_no_vendor_stem_layout_or_name_is_shared_between_the_parts() -> None:
    train, valid = drafts("train"), drafts("valid")

    def stems(some: list[documents.Draft]) -> set[str]:
        names = [name for draft in some for name in (draft.facts.vendor, draft.facts.buyer) if name]
        return {stem for name in names for stem in name.stems}

    assert len(stems(valid)) > 40
    assert not stems(train) & stems(valid)
    assert not {draft.layout for draft in train} & {draft.layout for draft in valid}


def test_names_are_many() -> None:
    rng = random.Random(0)
    british = COUNTRIES[0]
    names = {_vendors.company(rng, "en", british.legal_forms, "train").text for _ in range(3000)}
    assert len(names) > 2500


def test_no_position_gives_the_answer_away() -> None:
    """Neither the first line nor the last number may be a rule that works."""
    seen = [draft for draft in drafts("train") if draft.facts.vendor and draft.facts.total is not None]
    first = sum(str(draft.example.record["vendor"]) in draft.example.text.split("\n")[0] for draft in seen)
    last = 0
    for draft in seen:
        _, totals = renderings(draft.example.record, draft.facts.language)
        numbers = re.findall(r"\d[\d .,']*\d", draft.example.text)
        last += bool(numbers) and numbers[-1] in totals
    assert 0.15 < first / len(seen) < 0.6
    assert last / len(seen) < 0.5


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_net_and_tax_make_the_gross(seed: int, retail: bool) -> None:
    facts = _facts.draw(random.Random(seed), "train", retail=retail)
    sums = facts.sums
    priced = sum(item.price for item in sums.items) + sums.shipping
    step = 100 if facts.whole else 1
    rate = float(sums.rate) / 100
    if sums.inclusive:
        assert sums.gross == priced == sums.net + sums.vat
        assert abs(sums.vat - priced * rate / (1 + rate)) <= step / 2 + 1e-6
    else:
        assert sums.gross == sums.net + sums.shipping + sums.vat
        assert abs(sums.vat - priced * rate) <= step / 2 + 1e-6
    assert not any(cents % step for cents in (sums.gross, sums.vat, sums.net))
    assert facts.ordered < facts.delivered < facts.due


@given(st.integers(100, 10**8), st.sampled_from(sorted(_values.AMOUNTS)))
def test_an_amount_reads_back(cents: int, style: str) -> None:
    written = _values.amount(cents, style)
    assert int(re.sub(r"\D", "", written)) == cents
    assert re.fullmatch(r"\d+(\D\d{3})*\D\d\d", written)


@given(
    st.integers(), st.lists(st.tuples(st.text("O0lI i:.łé", max_size=8), st.text("O0l Ié5S", min_size=1, max_size=8)))
)
def test_noise_leaves_kept_spans_alone(seed: int, spans: list[tuple[str, str]]) -> None:
    marked = "".join(loose + _noise.keep(kept) for loose, kept in spans)
    smudged = _noise.smudge(random.Random(seed), marked)
    assert re.findall("\x02([^\x03]*)\x03", smudged) == [kept for _, kept in spans]
