"""Synthetic questions over plant notes: an endless, deterministic stream of documents with their records.

"train" and "valid" share what can be asked, but no machine, no value and no wording of a passage. Other passages tell
the same of another machine, or something else of the same one; about a quarter of the questions have no answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import one_of, person
from boardwright.schemas.passages import question_and_passages

MOST = 6
UNANSWERED = 0.25


@dataclass(frozen=True)
class Words:
    """What one part writes with. asked, told: topic → questions about {it}, and sentences with the answer {v}.  series:
    letters of machines' names.  person: makes a name."""

    series: Callable[[random.Random], str]
    kinds: tuple[str, ...]
    asked: dict[str, tuple[str, ...]]
    told: dict[str, tuple[str, ...]]
    person: Callable[[random.Random], str]
    halls: tuple[str, ...]
    oils: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    series=lambda rng: "".join(rng.choices("ABCDHKLMOPRSTVX", k=rng.choice((1, 2, 2, 3)))),
    kinds=(
        "pump", "press", "lathe", "conveyor", "compressor", "robot", "oven", "mixer", "packer", "welder", "grinder",
        "boiler", "chiller", "lift", "loom", "filter", "scale", "stamper", "cutter", "labeller", "valve", "turbine",
    ),
    asked={
        "pressure": (
            "What is the highest pressure of the {it}?", "How much pressure may the {it} have?",
            "What pressure is allowed in the {it}?", "How many bar can the {it} take?", "Pressure limit of the {it}?",
        ),
        "oil": (
            "Which oil does the {it} take?", "What do I fill into the {it} as oil?", "The {it} needs oil, but which?",
            "What lubricant goes into the {it}?", "Which oil for the {it}?",
        ),
        "keeper": (
            "Who looks after the {it}?", "Whom do I call about the {it}?", "Who takes care of the {it}?",
            "Whose machine is the {it}?", "Who knows the {it} best?",
        ),
        "place": (
            "Where does the {it} stand?", "In which hall is the {it}?", "Where is the {it}?",
            "Where do I have to go for the {it}?", "Which building has the {it}?",
        ),
        "service": (
            "When was the {it} last serviced?", "What was the day of the last service of the {it}?",
            "When did the {it} have its last service?", "Date of the last service of the {it}?",
        ),
        "interval": (
            "How often is the {it} serviced?", "After how long must the {it} be serviced?",
            "When does the {it} need a service again?", "Service interval of the {it}?",
        ),
        "speed": (
            "How fast does the {it} run?", "What is the speed of the {it}?", "How fast is the {it}?",
            "Which speed does the {it} reach?", "Speed of the {it}?",
        ),
        "key": (
            "Where is the key of the {it}?", "Where do I find the key for the {it}?", "I need the key of the {it}.",
            "Where does the key for the {it} hang?", "Who has the key of the {it}, and where?",
        ),
    },
    told={
        "pressure": (
            "The {it} may run at no more than {v}.", "Never let the {it} go over {v}.", "Limit of the {it}: {v}.",
            "{v} is the most that the {it} can bear.", "The safety valve of the {it} opens at {v}.",
            "The {it} is tested up to {v}.", "Keep the {it} below {v}.",
        ),
        "oil": (
            "The {it} is filled with {v}.", "For the {it} only {v} is allowed.", "Oil of the {it}: {v}.",
            "{v} goes into the {it}.", "Fill up the {it} with {v} once a month.", "The {it} runs on {v}.",
        ),
        "keeper": (
            "{v} looks after the {it}.", "The {it} is in the care of {v}.", "Ask {v} about the {it}.",
            "If the {it} stops, call {v}.", "{v} knows all about the {it}.", "Keeper of the {it}: {v}.",
        ),
        "place": (
            "You find the {it} in {v}.", "The {it} stands in {v}.", "The {it} was moved to {v}.", "The {it} is in {v}.",
            "In {v} there is the {it}.", "We have put the {it} in {v}.",
        ),
        "service": (
            "The last service of the {it} was on {v}.", "The {it} was serviced on {v}.",
            "On {v} the {it} was serviced.", "Last service, {it}: {v}.", "The {it} has not been serviced since {v}.",
        ),
        "interval": (
            "The {it} has to be serviced every {v}.", "Service the {it} every {v}.", "Every {v} the {it} is serviced.",
            "The {it} is due for a service after {v}.", "Service interval, {it}: {v}.",
        ),
        "speed": (
            "The {it} turns at {v}.", "In use the {it} reaches {v}.", "Speed of the {it}: {v}.",
            "The {it} is set to {v}.", "The {it} goes at {v} and no faster.", "At full load the {it} makes {v}.",
        ),
        "key": (
            "The key of the {it} hangs {v}.", "The key for the {it} is kept {v}.", "{v} there is the key of the {it}.",
            "Put the key of the {it} back {v}.", "The key to the {it}: {v}.",
        ),
    },
    person=person,
    halls=(
        "hall 3", "the north wing", "the cellar", "building B", "the yard", "hall 7, gate 2", "the paint shop",
        "hall 12", "the tool room", "building K, first floor", "the south gallery", "the loading bay", "hall 5b",
        "the pit", "the east tower", "room 204", "the pump house", "shed 9", "the clean room", "hall 1, line 4",
    ),
    oils=(
        "ISO VG 46", "HLP 32", "SAE 10W-40", "CLP 220", "food-grade oil H1", "HLP 68", "ISO VG 100", "SAE 30", "ATF",
        "rapeseed oil", "CLP 150", "white oil", "ISO VG 22", "SAE 15W-40", "silicone oil", "HEES 46",
    ),
    other=(
        "Wear ear protection.", "Visitors sign in at the gate.", "The canteen closes at two.",
        "Report every leak at once.", "Nobody works alone at night.", "Keep the doors shut.",
        "The manual is being rewritten.", "The fire drill is on Friday.", "Forklifts have priority.",
        "Helmets are in the locker.", "Lights go out at ten.", "The new shift plan hangs at the entrance.",
        "Do not feed the cat.", "Write faults into the book.", "Tools go back to their place.", "The fence is live.",
    ),
)  # fmt: skip
VALID = Words(
    series=one_of("QN", "WE", "ZG", "FU"),
    kinds=("saw", "crane", "furnace", "dryer", "blower"),
    asked={
        "pressure": ("Up to which pressure can I use the {it}?",),
        "oil": ("What kind of oil is right for the {it}?",),
        "keeper": ("Who is responsible for the {it}?",),
        "place": ("Where can I find the {it}?",),
        "service": ("On which day was the {it} serviced?",),
        "interval": ("How long is it between two services of the {it}?",),
        "speed": ("At what speed does the {it} work?",),
        "key": ("Where is the key to the {it} kept?",),
    },
    told={
        "pressure": ("More than {v} would damage the {it}.", "The {it} stands {v} and no more."),
        "oil": ("Use {v} in the {it}.",),
        "keeper": ("The person in charge of the {it} is {v}.",),
        "place": ("The {it} has its place in {v}.",),
        "service": ("Somebody serviced the {it} on {v}.",),
        "interval": ("Between two services of the {it} lie {v}.",),
        "speed": ("The {it} works at {v}.",),
        "key": ("Look {v} for the key of the {it}.",),
    },
    person=one_of("Nadia Vasquez", "Oskar Holm", "Leyla Ahmadi", "Simon Falk"),
    halls=("hall 11", "the west annex", "the old store"),
    oils=("ISO VG 68", "HVLP 22", "PAO 150"),
    other=("No smoking on the site.", "The lift is out of order.", "Spare fuses are in the office."),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled questions without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("passages", PARTS, _question, seed, part)


def _question(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]]:
    kinds = rng.sample(words.kinds, 3)
    machines = [f"{kind} {words.series(rng)}-{rng.randint(10, 99)}" for kind in kinds]
    told = rng.sample([(machine, topic) for machine in machines for topic in words.told], rng.randint(3, 8))
    values = {pair: _value(rng, words, pair[1]) for pair in told}
    sentences = [(pair, rng.choice(words.told[pair[1]]).format(it=pair[0], v=values[pair])) for pair in told]
    sentences += [(("", ""), other) for other in rng.sample(words.other, rng.randint(0, 2))]
    rng.shuffle(sentences)
    count = rng.randint(2, min(MOST, len(sentences)))
    groups = [sentences[at::count] for at in range(count)]
    passages = [" ".join(said for _, said in group) for group in groups]
    if rng.random() < UNANSWERED:
        free = [(machine, topic) for machine in machines for topic in words.told if (machine, topic) not in values]
        asked = rng.choice(free)
    else:
        asked = rng.choice(told)
    place = next((at for at, group in enumerate(groups, 1) if asked in (pair for pair, _ in group)), None)
    question = rng.choice(words.asked[asked[1]]).format(it=asked[0])
    return question_and_passages(question, passages), {"passage": place, "answer": values.get(asked)}


def _value(rng: random.Random, words: Words, topic: str) -> str:
    match topic:
        case "pressure":
            return rng.choice((f"{rng.randint(2, 400)} bar", f"{rng.randint(10, 900)} kPa"))
        case "service":
            return (
                f"{rng.randint(1, 28)} {rng.choice(('March', 'June', 'August', 'October'))} {rng.randint(2021, 2026)}"
            )
        case "interval":
            return rng.choice((f"{rng.randint(2, 18)} months", f"{rng.randint(2, 40) * 100} hours"))
        case "speed":
            return rng.choice((f"{rng.randint(3, 90) * 50} rpm", f"{rng.randint(2, 30) / 10:.1f} metres a second"))
        case "key":
            place, thing = rng.choice(("behind", "beside", "above")), rng.choice(("door", "desk", "locker"))
            return f"{place} {thing} {rng.randint(1, 60)}"
        case "keeper":
            return words.person(rng)
    return rng.choice({"place": words.halls, "oil": words.oils}[topic])
