"""Synthetic product notes for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share how a question is put, which is what is to be learned, but no product, no value and no
wording of a passage. There is one question for each thing that is told, and none for praise, warnings or greetings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import firm, one_of, syllables, town

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
    """What one part writes with. about: how a text begins.  told: topic → sentences, {v} the answer.  name, maker and
    town make a name each."""

    name: Callable[[random.Random], str]
    kinds: tuple[str, ...]
    about: tuple[str, ...]
    told: dict[str, tuple[str, ...]]
    maker: Callable[[random.Random], str]
    colours: tuple[str, ...]
    town: Callable[[random.Random], str]
    cycles: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    name=lambda rng: syllables(rng, 2)[:9].capitalize() + rng.choice(("", "", "", " 2", " X", " Pro", " Mini")),
    kinds=(
        "lamp", "drill", "door sensor", "radio", "kettle", "hearing aid", "label printer", "camera", "rucksack",
        "watch", "bicycle lock", "shaver", "microphone", "rice cooker", "heater", "tent", "electric saw", "projector",
        "phone", "lawn mower", "thermostat", "baby monitor", "coffee grinder", "keyboard", "speaker", "garden hose",
    ),
    about=(
        "The {it} is new.", "About the {it}.", "{it}: what to know.", "Meet the {it}!", "This is the {it}.",
        "Here comes the {it}.", "Product note: {it}", "You have chosen the {it}.", "{it}",
    ),
    told={
        "weight": (
            "The {it} weighs {v}.", "At {v} the {it} is easy to carry.", "Weight of the {it}: {v}.", "Weight: {v}",
            "It is a light one, {v} in all.", "You carry no more than {v}.", "{v} is what it weighs.",
        ),
        "battery": (
            "Its battery holds for {v}.", "One charge of the battery is enough for {v}.", "Battery: up to {v}.",
            "Fully charged it runs for {v}.", "The battery of the {it} lasts {v}.", "Charge it again after {v}.",
        ),
        "price": (
            "You get it for {v}.", "The {it} costs {v}.", "Price: {v}, delivery not included.", "Its price is {v}.",
            "For {v} it can be yours.", "Now at {v}!", "The {it} sells at {v}.", "You pay {v} for the {it}.",
        ),
        "warranty": (
            "There is a warranty of {v}.", "The maker gives {v} of warranty.", "Warranty: {v}.",
            "For {v} we repair the {it} free of charge.", "It has {v} of warranty.", "The warranty ends after {v}.",
        ),
        "maker": (
            "The {it} comes from {v}.", "It is made by {v}.", "Maker: {v}.", "The maker of the {it} is {v}.",
            "{v} has put all its skill into the {it}.", "It is a product of {v}.", "Brought to you by {v}.",
        ),
        "colour": (
            "It is painted {v}.", "The {it} comes in {v}.", "Colour: {v}.", "The case is {v}.", "We have it in {v}.",
            "The {it} is {v} all over.", "Its colour is {v}.",
        ),
        "range": (
            "It works within {v}.", "The {it} has a range of {v}.", "Range: {v} in the open.", "It reaches {v}.",
            "You can be up to {v} away.", "Up to {v} the {it} gets through.", "From {v} it still answers.",
        ),
        "cleaning": (
            "Clean the {it} {v}.", "Cleaning: {v}.", "Wipe it down {v}, or it will fail.", "It must be cleaned {v}.",
            "Remove the dust {v}.", "Wash the {it} {v} with warm water.", "A cloth is all you need, {v}.",
        ),
        "place": (
            "It is put together in {v}.", "The {it} is produced in {v}.", "Made in {v}.", "The {it} is made in {v}.",
            "Our plant in {v} makes it.", "It leaves the works in {v} tested.", "Place of manufacture: {v}.",
        ),
        "since": (
            "It has been on sale since {v}.", "The {it} has been in our shop since {v}.", "On the market since {v}.",
            "You can buy it since {v}.", "It first sold in {v}.", "We have sold the {it} since {v}.",
        ),
    },
    maker=firm,
    colours=(
        "dark green", "white", "signal red", "brushed steel", "light grey", "sky blue", "matt black", "cream", "orange",
        "dark brown", "silver", "pale pink", "wine red", "olive", "gold and white", "turquoise",
    ),
    town=town,
    cycles=(
        "once a week", "every two months", "after each use", "once a year", "every Sunday", "three times a year",
        "every ten days", "each morning", "before the winter", "after every third use", "once in two years",
    ),
    other=(
        "You will love it.", "Please read this note before use.", "Keep it away from children.",
        "Our customers praise it.", "Write to us with any question.", "Do not open the case.",
        "It looks good in every room.", "Thank you for your trust.", "Have fun!", "Recycle the packaging.",
        "We wish you joy with it.", "Mind the cable.", "It is the best that we have ever made.",
        "Never put it in water.", "Tell your friends.", "Errors excepted.", "The pictures may differ.",
        "Ask your dealer for more.", "Our service is there for you.", "Simple and good.",
    ),
)  # fmt: skip
VALID = Words(
    name=lambda rng: rng.choice("Osto Quari Belu Wima".split()) + rng.choice("don vex gard mia".split()),
    kinds=("fan", "torch", "scale", "smoke alarm", "toaster"),
    about=("Facts about the {it}.", "Welcome, {it}!", "The {it} in short."),
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
    maker=one_of("Falk & Dahl", "Nakamura Inc", "Popescu SRL"),
    colours=("navy blue", "black", "lemon yellow"),
    town=one_of("Uppsala", "Braga", "Linz"),
    cycles=("twice a month", "every evening", "before each trip"),
    other=("A joy to use.", "Handle with care.", "Call us if anything is unclear.", "There is nothing like it."),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled passages without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("questions", PARTS, _passage, seed, part)


def _passage(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]]:
    name, kind = words.name(rng), rng.choice(words.kinds)
    it = f"{name} {kind}"
    sentences = [rng.choice(words.about).format(it=it)]
    pairs = []
    for topic in rng.sample(list(QUESTIONS), rng.randint(1, MOST)):
        value = _value(rng, words, topic)
        said = rng.choice(words.told[topic])
        sentences.append(said.format(v=value, it=rng.choice((it, kind, name))))
        pairs.append({"question": QUESTIONS[topic].format(it=it), "answer": value})
        if rng.random() < 0.3:
            sentences.append(rng.choice(words.other))
    return rng.choice((" ", " ", "\n")).join(sentences), {"pairs": pairs}


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
        case "maker":
            return words.maker(rng)
        case "place":
            return words.town(rng)
    return rng.choice({"colour": words.colours, "cleaning": words.cycles}[topic])
