"""Synthetic product notes for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share how a question is put, which is what is to be learned, but no product, no value and no
wording of a passage. There is one question for each thing that is told, and none for praise, warnings or greetings.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

MOST = 4
QUESTIONS = {
    "weight": "How heavy is the {it}?",
    "battery": "How long does the battery of the {it} last?",
    "price": "What does the {it} cost?",
    "warranty": "How long is the warranty of the {it}?",
    "maker": "Who makes the {it}?",
    "colour": "Which colour does the {it} have?",
    "range": "How far does the {it} reach?",
    "cleaning": "How often must the {it} be cleaned?",
    "place": "Where is the {it} made?",
    "since": "Since when has the {it} been sold?",
}


@dataclass(frozen=True)
class Words:
    """What one part writes with. told: topic → sentences, {v} the answer.  values: what answers can be."""

    starts: tuple[str, ...]
    ends: tuple[str, ...]
    kinds: tuple[str, ...]
    told: dict[str, tuple[str, ...]]
    makers: tuple[str, ...]
    colours: tuple[str, ...]
    towns: tuple[str, ...]
    cycles: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    starts=tuple("Zen Lumo Kira Vox Tera Nimo Ardo Fyra".split()),
    ends=tuple("tec lite line max ra flex".split()),
    kinds=("lamp", "drill", "door sensor", "radio", "kettle", "hearing aid", "label printer", "camera"),
    told={
        "weight": ("The {it} weighs {v}.", "At {v} the {it} is easy to carry.", "Weight of the {it}: {v}."),
        "battery": (
            "Its battery holds for {v}.", "One charge of the battery is enough for {v}.", "Battery: up to {v}.",
        ),
        "price": ("You get it for {v}.", "The {it} costs {v}.", "Price: {v}, delivery not included."),
        "warranty": ("There is a warranty of {v}.", "The maker gives {v} of warranty.", "Warranty: {v}."),
        "maker": ("The {it} comes from {v}.", "It is made by {v}.", "Maker: {v}."),
        "colour": ("It is painted {v}.", "The {it} comes in {v}.", "Colour: {v}."),
        "range": ("It works within {v}.", "The {it} has a range of {v}.", "Range: {v} in the open."),
        "cleaning": ("Clean the {it} {v}.", "Cleaning: {v}.", "Wipe it down {v}, or it will fail."),
        "place": ("It is put together in {v}.", "The {it} is produced in {v}.", "Made in {v}."),
        "since": ("It has been on sale since {v}.", "The {it} has been in our shop since {v}."),
    },
    makers=("Haddad & Sons", "Moretti SpA", "Brandt GmbH", "Lindqvist AB", "Okafor Ltd"),
    colours=("dark green", "white", "signal red", "brushed steel", "light grey"),
    towns=("Porto", "Graz", "Turku", "Ghent", "Leeds", "Brno"),
    cycles=("once a week", "every two months", "after each use", "once a year"),
    other=(
        "You will love it.", "Please read this note before use.", "Keep it away from children.",
        "Our customers praise it.",
        "Write to us with any question.", "Do not open the case.", "It looks good in every room.",
        "Thank you for your trust.",
    ),
)  # fmt: skip
VALID = Words(
    starts=tuple("Osto Quari Belu Wima".split()),
    ends=tuple("don vex gard mia".split()),
    kinds=("fan", "torch", "scale", "smoke alarm", "toaster"),
    told={
        "weight": ("With {v} the {it} is no burden.", "On the scales it shows {v}."),
        "battery": ("You can use it for {v} before the battery is empty.",),
        "price": ("We ask {v} for the {it}.", "It is yours for {v}."),
        "warranty": ("The {it} is under warranty for {v}.",),
        "maker": ("{v} builds the {it}.", "Behind it stands {v}."),
        "colour": ("You can have it in {v} only.",),
        "range": ("The signal of the {it} carries {v}.",),
        "cleaning": ("The {it} wants to be cleaned {v}.",),
        "place": ("The factory stands in {v}.", "The {it} is built in {v}."),
        "since": ("Shops have had it since {v}.",),
    },
    makers=("Falk & Dahl", "Nakamura Inc", "Popescu SRL"),
    colours=("navy blue", "black", "lemon yellow"),
    towns=("Uppsala", "Braga", "Linz"),
    cycles=("twice a month", "every evening", "before each trip"),
    other=("A joy to use.", "Handle with care.", "Call us if anything is unclear.", "There is nothing like it."),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled passages without end. part: "train" or "valid". Raises ValueError for any other part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _generate(random.Random(f"{seed}:{part}"), seed, part)


def _generate(rng: random.Random, seed: int, part: str) -> Iterator[Example]:
    words, number = PARTS[part], 0
    while True:
        text, pairs = _passage(rng, words)
        yield Example(f"questions-{part}-{seed}-{number:06}", text, {"pairs": pairs})
        number += 1


def _passage(rng: random.Random, words: Words) -> tuple[str, list[dict[str, str]]]:
    name, kind = rng.choice(words.starts) + rng.choice(words.ends), rng.choice(words.kinds)
    it = f"{name} {kind}"
    sentences = [rng.choice((f"The {it} is new.", f"About the {it}.", f"{it}: what to know.", f"Meet the {it}!"))]
    pairs = []
    for topic in rng.sample(list(QUESTIONS), rng.randint(1, MOST)):
        value = _value(rng, words, topic)
        said = rng.choice(words.told[topic])
        sentences.append(said.format(v=value, it=rng.choice((it, kind, name))))
        pairs.append({"question": QUESTIONS[topic].format(it=it), "answer": value})
        if rng.random() < 0.3:
            sentences.append(rng.choice(words.other))
    return rng.choice((" ", " ", "\n")).join(sentences), pairs


def _value(rng: random.Random, words: Words, topic: str) -> str:
    number = rng.randint(2, 99)
    match topic:
        case "weight":
            return rng.choice((f"{number * 10} g", f"{number / 10:.1f} kg"))
        case "battery":
            return f"{number} {rng.choice(('hours', 'days'))}"
        case "price":
            return rng.choice((f"{number}.90 euros", f"€{number}.50", f"{number * 3} dollars"))
        case "warranty":
            return f"{rng.randint(2, 15)} years"
        case "range":
            return f"{number} metres"
        case "since":
            return str(rng.randint(1995, 2026))
    choices = {"maker": words.makers, "colour": words.colours, "place": words.towns, "cleaning": words.cycles}
    return rng.choice(choices[topic])
