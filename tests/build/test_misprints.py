"""Misprints: one known word of a value is misread in the document; its record and its neighbour stay."""

from __future__ import annotations

import pytest

from boardwright.build.misprints import misprinted
from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.task import Task, load_task


def receipt(number: int, company: str, address: str) -> Example:
    record = {"company": company, "date": None, "address": address, "total": f"RM {number}.00"}
    return Example(f"{number}", f"{company}\n{address}\nTOTAL RM {number}.00", record)


SHOPS = [
    *(receipt(number, "BAKER AND SONS", f"{number} HIGH STREET") for number in range(20)),
    *(receipt(number, "BLUE GARAGE", f"{number} LONG ROAD") for number in range(20, 40)),
    receipt(99, "KEDAI RUNCIT", "7 JALAN BESAR"),
]


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("receipt").having_learnt(SHOPS)


def test_one_word_that_the_neighbour_has_is_misread(task: Task) -> None:
    copies = list(misprinted(task, SHOPS, 1.0, 7))
    assert [example.id for example, _ in copies] == [shop.id for shop in SHOPS[:40]]
    for copy, text in copies:
        assert fold(copy.text) != fold(text)
        assert copy.text.endswith(text[text.index("\nTOTAL") :])  # neither an amount nor what no value holds
        assert copy.record == SHOPS[int(copy.id)].record


def test_the_share_and_the_seed_tell_which(task: Task) -> None:
    some = list(misprinted(task, SHOPS, 0.5, 7))
    assert 10 < len(some) < 30
    assert some == list(misprinted(task, SHOPS, 0.5, 7))
    assert some != list(misprinted(task, SHOPS, 0.5, 8))
    assert not list(misprinted(task, SHOPS, 0.0, 7))


def test_without_neighbours_nothing_is_known() -> None:
    assert not list(misprinted(load_task("receipt"), SHOPS, 1.0, 7))


def test_a_task_that_shows_no_neighbour_is_refused() -> None:
    with pytest.raises(BadTask, match="neighbour") as raised:
        list(misprinted(load_task("invoice"), [], 0.5, 7))
    assert raised.value.where == "the task 'invoice'" and raised.value.value == "misprints=0.5"
    assert not list(misprinted(load_task("invoice"), [], 0.0, 7))


def test_a_copy_is_shown_the_neighbour_of_what_it_was(task: Task) -> None:
    [(copy, text), *_] = misprinted(task, SHOPS, 1.0, 7)
    shown = task.prompt(copy.text, neighbour_of=text).document.split("\n\n")[0]
    assert shown == task.prompt(text).document.split("\n\n")[0]
    assert copy.record["address"] not in shown
