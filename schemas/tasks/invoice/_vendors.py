"""Company and person names: more than a million, from stems that belong to one part only.

Knows nothing of invoices. Every fifth entry of each list of stems is kept for "valid", by position.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

MAX_NAME = 60


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


SURNAMES = {
    "en": _words("""Ashdown Barrow Carter Dunmore Ellery Fenwick Garland Hollis Ingram Jessop Kirkby Langford McAllister
        Norwood O'Brien Pemberton Quayle Radcliffe Shelby Thornton Underhill Vance Whitlock Yardley Abernathy Blythe
        Crossley Draper O'Hara Fairfax"""),
    "de": _words("""Ahlers Brückner Conradi Dörfler Eberhardt Fuchs Gärtner Hübner Ilgner Jäger Köhler Lindner Möller
        Neubauer Oswald Petzold Quandt Rößler Schäfer Tillmann Uhlig Voß Wächter Zöllner Amrein Bürgi Hösli Grüneis
        Strauß Kräuter"""),
    "fr": _words("""Aubert Bonnet Chevalier Delacroix Étienne Fournier Gauthier Hébert Imbert Joubert Lefèvre Mercier
        Noël Olivier Perrin Quentin Rousseau Salvaing Thévenot Vasseur Beauchêne Carré D'Arcy Maréchal L'Hermite"""),
    "es": _words("""Álvarez Benítez Cárdenas Domínguez Escobar Fuentes Gálvez Hidalgo Ibáñez Jurado Lozano Medina Núñez
        Ortega Peña Quiroga Ríos Sáez Trujillo Urrutia Vidal Zamora Muñoz Castaño Bermúdez"""),
}  # fmt: skip
FIRST_NAMES = {
    "en": _words("Alice Ben Chloe Daniel Emma George Hannah Jack Laura Oliver"),
    "de": _words("Anna Bernd Claudia Dieter Eva Jürgen Katrin Lukas Petra Uwe"),
    "fr": _words("Amélie Benoît Camille Denis Élodie Gilles Hélène Luc Margaux René"),
    "es": _words("Ana Begoña Carlos Elena Iñaki José Lucía Marta Óscar Pilar"),
}
TRADES = {
    "en": _words("""Joinery Logistics Tools Foods Consulting Electrical Plumbing Print Packaging Motors Bakery Catering
        Software Roofing Interiors Supplies Cleaning Media Hardware Stationers Trading Landscapes Web_Services"""),
    "de": _words("""Metallbau Logistik Werkzeuge Bäckerei Elektrotechnik Sanitär Druckerei Verpackung Autohaus Gartenbau
        Software Dachdeckerei Handel Bürobedarf Gebäudereinigung Medien Möbel Tischlerei Baustoffe Kälte_+_Klima"""),
    "fr": _words("""Menuiserie Transports Outillage Boulangerie Électricité Plomberie Imprimerie Emballages Automobiles
        Jardins Informatique Toitures Négoce Fournitures Nettoyage Traiteur Meubles Conseil Bâtiment"""),
    "es": _words("""Carpintería Transportes Herramientas Panadería Electricidad Fontanería Imprenta Envases Motor
        Jardinería Informática Cubiertas Comercial Suministros Limpiezas Muebles Asesores Construcciones"""),
}
# Heads and tails make names such as "Brightforge"; syllables make names that mean nothing, such as "Velorix".
HEADS = _words("""Bright Stone Silver North Oak River Iron Blue Green Swift Gold Red Clear East High Moor Wild Sun West
    Hill Berg Nord Alpen Stern Licht Wald Eisen Rhein Süd Grün Stahl Feld Tal Kupfer Mond Quell Sommer Falken Linden
    Hoch""")
TAILS = _words("""forge field works gate mark line wood ford craft ridge bridge port well brook haus werk tech land hof
    kraft blick markt dorf""")
FIRST_SYLLABLES = _words("""Ve Kan Lo Tri Mar Zy Pol Qui Ser Ax Ben Cor Dy Fa Gri Hel In Jo Kle Lum Nex Or Pra Rho Sol
    Tu Ul Vix Wen Xa Yo Zen Bru Ca Del Em Fio Gan Ho Is""")
SYLLABLES = _words("lo ra ti ne vo ka mi du sa re lu pe no zi ba gu")
ENDINGS = _words("rix tec nia ro va lis don mex ra sys ta qo vel nor tis gen")
INITIALS = "ABCDEFGHKLMNPRSTVWZ"


@dataclass(frozen=True)
class Name:
    """A name as printed, and the stems that it was made from."""

    text: str
    stems: tuple[str, ...]
    person: bool = False


# More of the names that hold quotes are trained on than are met: they begin otherwise in JSON than all others.
QUOTED = 0.03


def _pick(rng: random.Random, stems: tuple[str, ...], part: str) -> str:
    kept = len(stems[::5])
    if part == "valid":
        return stems[5 * rng.randrange(kept)]
    index = rng.randrange(len(stems) - kept)
    return stems[index + index // 4 + 1]


def person(rng: random.Random, language: str, part: str) -> Name:
    surname = _pick(rng, SURNAMES[language], part)
    return Name(f"{rng.choice(FIRST_NAMES[language])} {surname}", (surname,), person=True)


def company(rng: random.Random, language: str, legal_forms: tuple[str, ...], part: str) -> Name:
    """A business name of at most MAX_NAME characters, in the manner of the language, often with a legal form."""
    while True:
        stem, stems = _stem(rng, language, part)
        name = _dressed(rng, stem, rng.choice(TRADES[language]), language, part)
        if rng.random() < 0.85:
            name = f"{name} {rng.choice(legal_forms)}".replace(" ,", ",")
        if rng.random() < 0.08:
            name = name.upper()
        if len(name) <= MAX_NAME:
            return Name(name, stems)


def _stem(rng: random.Random, language: str, part: str) -> tuple[str, tuple[str, ...]]:
    kind = rng.random()
    if kind < 0.36:
        surname = _pick(rng, SURNAMES[language], part)
        if kind < 0.26:
            return surname, (surname,)
        partner = _pick(rng, SURNAMES[language], part)
        if partner == surname:
            return surname, (surname,)
        joint = rng.choice((" & ", " & ", "-", " + ", " und " if language == "de" else " & "))
        return f"{surname}{joint}{partner}", (surname, partner)
    if kind < 0.62:
        head = _pick(rng, HEADS, part)
        return head + rng.choice(TAILS), (head,)
    if kind < 0.90:
        first = _pick(rng, FIRST_SYLLABLES, part)
        middle = "".join(rng.choice(SYLLABLES) for _ in range(rng.randrange(3)))
        return first + middle + rng.choice(ENDINGS), (first,)
    first = _pick(rng, tuple(INITIALS), part)
    letters = rng.choice(("{}{}{}", "{}&{}", "{}{}", "{}.{}.{}.")).format(first, *rng.choices(INITIALS, k=2))
    return letters, (first,)


def _dressed(rng: random.Random, stem: str, trade: str, language: str, part: str) -> str:
    kind = rng.random()
    if part == "train" and rng.random() < QUOTED:
        kind = 0.87
    if kind < 0.50:
        return f"{stem} {trade}" if language in ("en", "de") else f"{trade} {stem}"
    if kind < 0.68:
        return stem
    if kind < 0.76:
        return f"{trade} {stem}" if language != "en" else f"{stem} {trade}"
    if kind < 0.80:
        return f"{stem} {rng.choice((24, 54, 360, 7, 21, 2000))}"
    if kind < 0.86:
        if language != "en":
            return f"{trade} {stem}"
        return rng.choice((f"{stem}'s {trade}", f"{stem} & Sons", f"The {stem} {trade} Company"))
    if kind < 0.88:
        return f'"{stem}" {trade}' if language != "de" else f"„{stem}“ {trade}"
    if kind < 0.92:
        return f"{trade}-{stem}"
    if kind < 0.96:
        return f"{stem} {rng.choice(('Group', 'International', 'Systems', 'Studio', 'Digital'))}"
    return f"{stem}.{rng.choice(('io', 'shop', 'online'))} {trade}" if stem.isalpha() else f"{stem} Online"
