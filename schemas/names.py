"""Names of people, firms and places for synthetic documents: so many that a student has to read them, not to know them.

Knows nothing of tasks. What a task holds out are names of its own, which are not among these.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = (
    "Mira Jonas Aisha Pavel Lucia Tomas Ingrid Kofi Yara Emil Noor Felix Greta Hugo Salma Viktor Clara Omar Lena Marco "
    "Ines Anton Freya Bilal Petra Rafael Sofie Dario Hanna Milan Joan Grace Wei Amir Agnes Albert Alina Andrea Arthur "
    "Astrid Beatriz Benjamin Birgit Bogdan Camille Carlos Charlotte Chen Daniel Deniz Diego Dorothea Edward Elena Erik "
    "Esther Fatima Fiona Florian Gabriel George Gisela Gustav Harriet Helene Henrik Hiroshi Ibrahim Ida Ilse Irina "
    "Isabel Jacob Jana Javier Jens Johanna Jorge Julia Kai Karim Katarina Kenji Khalid Klara Kwame Lars Laura Leon "
    "Lidia Linh Louis Ludwig Magda Malik Manuel Margaret Maria Martin Matteo Max Mehmet Michael Mohammed Monika "
    "Moritz Natalia Niamh Nicolas Nina Olga Oliver Pablo Paul Pauline Philippa Priya Quentin Rania Rebecca Richard "
    "Robert Rosa Ruth Sabine Samuel Sara Sean Selma Sergei Silvia Susanne Svea Tamara Theo Thomas Tim "
    "Ulrike Uwe Valentina Vera Walter Wilhelm Xenia Yasmin Yuki Zofia Zoe Anne-Marie Jean-Luc"
).split()
LAST = (
    "Solberg Okafor Novak Lindqvist Haddad Moretti Jansen Kowalski Petrov Duarte Keller Aziz Brandt Costa Dubois "
    "Eriksen Farkas Gruber Horvat Ibrahim Kaya Larsen Meyer Nilsson Ortega O'Brien Smith-Jones Wang Baker Cooper Clark "
    "Hughes Walker Young Murphy Schmidt Weber Wagner Fuchs Vogel Zimmermann Rossi Ricci Bruno Garcia Lopez Ramos Leroy "
    "Moreau Fontaine Tanaka Suzuki Kim Park Nguyen Tran Singh Patel Khan Mensah Diallo Abebe Sharma van_Dijk de_Boer "
    "Virtanen Korhonen Kask Balint Dvorak Marek Ivanova Popov Yilmaz Demir McLeod Fitzgerald Byrne Lund Dahl Bakke"
).split()
STARTS = [*"b br c ch d dr f g gr h j k kl l m n p pr r s sch st t tr v w z".split(), ""]
VOWELS = "a a e e i o o u ei au ie".split()
ENDS = [*"ck d ff l ll ls m n n nd ng nn r r rd rg rt s ss t tt x z".split(), "", "", ""]
TAILS = "berg er ez feld ho i ini ka ke man mann o os ov sen ski son ström thal ti to ton ura wood".split()


def syllables(rng: random.Random, count: int) -> str:
    """A word that no language has, in lower case."""
    return "".join(rng.choice(STARTS) + rng.choice(VOWELS) + rng.choice(ENDS) for _ in range(count))


def coined(rng: random.Random) -> str:
    """A proper name of people, firms or places."""
    return (syllables(rng, rng.choice((1, 1, 2))) + rng.choice(TAILS)).capitalize()


def first_name(rng: random.Random) -> str:
    """A first name, of those that many bear or coined."""
    if rng.random() < 0.7:
        return rng.choice(FIRST)
    return (syllables(rng, 1) + rng.choice("a e i o u an el en ia in ina is on us ya".split())).capitalize()


def last_name(rng: random.Random) -> str:
    """A surname, of real ones or coined."""
    return rng.choice(LAST).replace("_", " ") if rng.random() < 0.4 else coined(rng)


def person(rng: random.Random) -> str:
    """First name and surname."""
    return f"{first_name(rng)} {last_name(rng)}"


FORMS = (
    "GmbH", "Ltd", "AG", "S.A.", "& Co.", "Inc.", "Oy", "S.r.l.", "AB", "B.V.", "plc", "KG", "& Sons", "Group", "Tools",
    "Systems", "Electric", "Motors", "Bank", "Insurance", "Foods", "Logistics",
)  # fmt: skip


def firm(rng: random.Random) -> str:
    """A firm with its legal form or its trade."""
    return f"{coined(rng)} {rng.choice(FORMS)}"


TOWNS = (
    "Köln Leeds Lyon Graz Cork Milano Bristol Essen Turku Ghent Brno Malmö Bilbao Parma Lublin Porto Dresden "
    "Aarhus Bergen Galway Basel Torino Sevilla Utrecht Poznan Debrecen Split Varna Derby Kassel Lille"
).split()


def town(rng: random.Random) -> str:
    """A town of Europe, or a coined one."""
    return rng.choice(TOWNS) if rng.random() < 0.5 else coined(rng)


def one_of(*these: str) -> Callable[[random.Random], str]:
    """A maker of names that knows these alone."""
    return lambda rng: rng.choice(these)


def joined(firsts: str, seconds: str) -> Callable[[random.Random], str]:
    """A maker of names out of one word of each list, which has spaces between its words."""
    return lambda rng: f"{rng.choice(firsts.split())} {rng.choice(seconds.split())}"
