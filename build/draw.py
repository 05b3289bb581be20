"""Records drawn from a task's shape: what a document is then written for.

Knows nothing of documents or teachers. The same task and seed give the same records, one after the other; closed sets
come in decks, so that after any number of records no value is ahead of another by more than one.
"""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from boardwright.build.walk import leaves
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    IntShape,
    ListShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
)
from boardwright.schemas.task import Task

NULLS = 0.2
# From so many values of its own on, a field needs none that we make up.
ENOUGH = 20
SEEN_DOCUMENTS = 300
FIRST_DAY, DAYS = datetime.date(2015, 1, 1), 4500
TRIES = 20
MOST_REFUSED = 200

FIRST = "Anna Bilal Chen Daria Emil Farah Goran Hanna Ivo Jana Kofi Lena Marco Noor Olga Pavel Rosa Sven Tara Yusuf"
LAST = "Abara Berg Costa Dubois Ekman Farkas Grant Holm Ibrahim Jansen Klein Lopez Moreau Novak Okafor Petrov Silva"
PLACES = "Aarhus Bergen Bologna Brno Ghent Graz Leeds Lyon Malaga Nantes Porto Riga Tartu Turku Utrecht Valencia Zadar"
STREETS = "Mill Lane|Station Road|Harbour Street|Church Square|Garden Row|Bridge Street|Market Place|Forest Avenue"
TRADES = "Foods Tools Motors Textiles Print Systems Garden Optics Timber Marine Coffee Electric Paper Glass"
FORMS = "Ltd|GmbH|Inc.|SARL|AB|s.r.o.|& Sons|& Co."
THINGS = "lamp router chair pump sensor battery cable printer filter bicycle kettle monitor heater drill camera shelf"
STATES = "broken missing late new spare blue heavy returned repaired damaged small large loose urgent ready"


def records(task: Task, seed: int, nulls: float = NULLS) -> Iterator[dict[str, Any]]:
    """Records in JSON form, without end; each passes the record model. nulls: share of fields that can be null.

    Raises BadTask where the record model has a rule of its own that drawn records do not meet."""
    drawer = Drawer(task.shape, random.Random(f"{seed}:records"), own_values(task), nulls)
    refused = 0
    while refused < MOST_REFUSED:
        drawn = drawer.record()
        try:
            record = task.record.model_validate(drawn)
        except ValidationError as error:
            refused, why, last = refused + 1, error, drawn
            continue
        refused = 0
        yield record.model_dump(mode="json")
    raise BadTask(
        f"No record can be drawn: the record model refused {refused} in a row.",
        where=task.folder,
        value=last,
        allowed=why.errors()[0]["msg"],
        next="write the documents in a documents.py of the task, or label documents that you have",
    )


def own_values(task: Task) -> dict[str, list[Any]]:
    """Path → distinct values that the task's own examples and synthetic documents hold there, in order."""
    values: dict[str, dict[Any, None]] = {}
    for example in _own_examples(task):
        for path, value, _ in leaves(task.shape, example.record):
            if value is not None:
                values.setdefault(path, {})[value] = None
    return {path: list(found) for path, found in values.items()}


def own_examples(task: Task) -> list[Example]:
    """What lies in the task folder's examples/, file by file. Raises BadExample."""
    if not (task.folder / "task.py").is_file():
        return []
    files = sorted((task.folder / "examples").glob("*.jsonl"))
    return [example for path in files for example in read_examples(path, task.record)]


def _own_examples(task: Task) -> Iterator[Example]:
    yield from own_examples(task)
    if generate := task.documents():
        # Never the held-out part's: what is drawn here is trained on.
        yield from itertools.islice(generate(0, "train"), SEEN_DOCUMENTS)


class Drawer:
    """Draws values of a shape. Holds the decks of its closed sets."""

    def __init__(
        self, shape: ObjectShape, rng: random.Random, own: Mapping[str, Sequence[Any]], nulls: float = NULLS
    ) -> None:
        self._shape = shape
        self._rng = rng
        self._own = own
        self._nulls = nulls
        self._decks: dict[str, list[Any]] = {}

    def record(self) -> dict[str, Any]:
        drawn: dict[str, Any] = self._draw(self._shape, "")
        return drawn

    def _draw(self, shape: Shape, path: str) -> Any:
        rng = self._rng
        match shape:
            case ObjectShape(fields=fields):
                return {name: self._draw(inner, f"{path}.{name}" if path else name) for name, inner in fields}
            case NullableShape(inner=inner):
                return None if rng.random() < self._nulls else self._draw(inner, path)
            case ListShape(item=item, max_items=most):
                return self._items(item, path, self._dealt(f"{path}#", range(most + 1)))
            case ChoiceShape(values=values):
                return self._dealt(path, values)
            case BoolShape():
                return self._dealt(path, (False, True))
            case IntShape(low=low, high=high):
                return self._own_or(path, lambda: rng.randint(low, high))
            case DateShape():
                return self._own_or(path, lambda: (FIRST_DAY + datetime.timedelta(rng.randrange(DAYS))).isoformat())
            case NumberShape(digits=digits, places=places, signed=signed):
                return self._own_or(path, lambda: number(rng, digits, places, signed))
            case TextShape(max_chars=most):
                return self._own_or(path, lambda: text(rng, path, most))

    def _items(self, item: Shape, path: str, count: int) -> list[Any]:
        """So many items, each different, as far as there are so many."""
        items: list[Any] = []
        for _ in range(count * TRIES):
            if len(items) == count:
                break
            one = self._draw(item, f"{path}[]")
            if one not in items:
                items.append(one)
        return items

    def _dealt(self, path: str, values: Iterable[Any]) -> Any:
        deck = self._decks.setdefault(path, [])
        if not deck:
            deck += values
            self._rng.shuffle(deck)
        return deck.pop()

    def _own_or(self, path: str, made_up: Callable[[], Any]) -> Any:
        own = self._own.get(path, ())
        return self._rng.choice(own) if own and self._rng.random() < len(own) / ENOUGH else made_up()


def number(rng: random.Random, digits: int, places: int, signed: bool) -> str:
    """A decimal as a record writes it. Small numbers are as frequent as large ones."""
    whole = rng.randrange(10 ** rng.randint(1, min(digits, 5)))
    fraction = f".{rng.randrange(10**places):0{places}}" if places else ""
    sign = "-" if signed and (whole or fraction.strip(".0")) and rng.random() < 0.3 else ""
    return f"{sign}{whole}{fraction}"


def text(rng: random.Random, path: str, most: int) -> str:
    """A text of at most `most` characters such as a field of this name might hold."""
    name = path.replace("[]", "").rsplit(".", 1)[-1].lower()
    maker = next((make for words, make in MAKERS if any(word in name for word in words)), _phrase)
    for _ in range(TRIES):
        if len(made := maker(rng)) <= most:
            return made
    return _code(rng)[:most].strip("-") or "A"


def _person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST.split())} {rng.choice(LAST.split())}"


def _company(rng: random.Random) -> str:
    return f"{rng.choice(LAST.split())} {rng.choice(TRADES.split())} {rng.choice(FORMS.split('|'))}"


def _address(rng: random.Random) -> str:
    street = f"{rng.randint(1, 180)} {rng.choice(STREETS.split('|'))}"
    return f"{street}, {rng.randint(1000, 99999)} {rng.choice(PLACES.split())}"


def _email(rng: random.Random) -> str:
    return f"{rng.choice(FIRST.split())}.{rng.choice(LAST.split())}@{rng.choice(PLACES.split())}.example".lower()


def _phone(rng: random.Random) -> str:
    # 01632 and 555-01xx are kept free for such uses.
    return rng.choice((f"01632 {rng.randrange(10**6):06}", f"+1 202-555-01{rng.randrange(100):02}"))


def _link(rng: random.Random) -> str:
    return f"https://{rng.choice(LAST.split())}.example/{rng.choice(THINGS.split())}".lower()


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choices("ABCDEFGHKLMNPRSTUVWXYZ", k=rng.randint(1, 3)))
    figures = str(rng.randint(100, 10 ** rng.randint(3, 7)))
    return rng.choice((f"{letters}-{figures}", f"{letters}{figures}", figures))


def _day(rng: random.Random) -> str:
    return (FIRST_DAY + datetime.timedelta(rng.randrange(DAYS))).strftime("%d/%m/%Y")


def _amount(rng: random.Random) -> str:
    return number(rng, 4, 2, False)


def _phrase(rng: random.Random) -> str:
    return rng.choice((f"{rng.choice(STATES.split())} {rng.choice(THINGS.split())}", rng.choice(THINGS.split())))


# The first line with a word that stands in the field's name says what it holds. E-mail addresses are before addresses.
MAKERS: tuple[tuple[tuple[str, ...], Callable[[random.Random], str]], ...] = (
    (("mail",), _email),
    (("phone", "fax", "mobile"), _phone),
    (("url", "link", "website"), _link),
    (("address", "street"), _address),
    (("city", "town", "place", "location", "country"), lambda rng: rng.choice(PLACES.split())),
    (("vendor", "company", "supplier", "merchant", "organi", "shop", "seller", "employer"), _company),
    (("number", "code", "_id", "iban", "account", "reference", "serial", "sku", "order"), _code),
    (("date", "day"), _day),
    (("total", "amount", "price", "sum"), _amount),
    (("name", "person", "customer", "sender", "recipient", "patient", "author", "who"), _person),
)
