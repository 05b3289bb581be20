"""Countries: the languages, currency, formats, tax rates, addresses and company forms that go together.

Knows nothing of rendering: format names are those of `_values`, patterns are those of `_values.identifier`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    code: str
    weight: int
    languages: tuple[str, ...]
    currency: str
    dates: tuple[str, ...]
    amounts: tuple[str, ...]
    rates: tuple[str, ...]
    legal_forms: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    address: str
    vat_id: str
    phone: str


_ROWS = """
GB 22; en; GBP; slash slash long iso dash; comma comma plain; 20 5 0
  Ltd | Limited | PLC | LLP
  Leeds LS1 4AP | Bristol BS1 6QA | York YO1 7HH | London E2 8DY; Mill Lane | High Street | Station Road | Park Row
  {n} {street}, {city}; GB#########; 01## ### ####
US 16; en; USD; us_long us_long us_long iso; comma comma plain; 8.25 6 7 0
  Inc. | LLC | Corp. | , Inc. | Co.
  Austin, TX 78701 | Portland, OR 97205 | Dayton, OH 45402 | Boise, ID 83702
  Oak Street | Main St | 5th Avenue | Elm Rd
  {n} {street}, {city}; ##-#######; (5##) 555-01##
IE 3; en; EUR; slash long iso dash; comma plain; 23 13.5 0
  Ltd | DAC | Teoranta
  Cork | Dublin 8 | Galway; Harbour View | Abbey Street | Quay Road
  {n} {street}, {city}; IE#######LA; 01 ### ####
DE 26; de; EUR; dot dot dot dot_plain long iso; dot dot dot plain_comma; 19 19 7
  GmbH | GmbH | AG | e.K. | KG | GmbH & Co. KG | UG | OHG
  20095 Hamburg | 50667 Köln | 04109 Leipzig | 70173 Stuttgart | 80331 München
  Hauptstr. | Am Markt | Bergweg | Gartenstraße
  {street} {n}, {city}; DE#########; 0## / ######
AT 4; de; EUR; dot dot long iso dot_plain; dot plain_comma; 20 10
  GmbH | GesmbH | OG | e.U.
  1010 Wien | 8010 Graz | 5020 Salzburg; Ringstraße | Kirchplatz | Lindengasse
  {street} {n}, {city}; ATU########; 01 #######
CH 5; de fr; CHF; dot dot dot_plain long iso; apos apos plain; 8.1 2.6
  AG | GmbH | SA | Sàrl
  8001 Zürich | 3011 Bern | 1204 Genève; Seeweg | Rue du Lac | Bahnhofstrasse
  {street} {n}, {city}; CHE-###.###.###; 044 ### ## ##
FR 12; fr; EUR; slash slash long iso dash; space space plain_comma; 20 10 5.5
  SARL | SAS | SA | EURL | SNC
  69002 Lyon | 75011 Paris | 33000 Bordeaux | 59000 Lille; rue Pasteur | avenue Foch | place du Marché
  {n} {street}, {city}; FR## ### ### ###; 04 ## ## ## ##
ES 10; es; EUR; slash slash dash long iso; dot dot plain_comma; 21 10
  S.L. | S.A. | SL | S.L.U. | S. Coop.
  28013 Madrid | 41001 Sevilla | 46002 Valencia; Calle Mayor | Avda. del Puerto | Plaza Nueva
  {street} {n}, {city}; B########; 91 ### ## ##
JP 2; en; JPY; iso long us_long; comma comma plain; 10 8
  K.K. | Co., Ltd. | G.K.
  Osaka 530-0001 | Tokyo 150-0002 | Kyoto 600-8216; Honmachi | Dogenzaka | Karasuma
  {n} {street}, {city}; T#############; 06-####-####
"""


def _countries() -> tuple[Country, ...]:
    fields = iter(";".join(_ROWS.strip().splitlines()).split(";"))
    found = []
    for head in fields:
        code, weight = head.split()
        languages, currency, dates, amounts, rates, legal, cities, streets, address, vat_id, phone = (
            next(fields).strip() for _ in range(11)
        )
        found.append(
            Country(
                code=code,
                weight=int(weight),
                languages=tuple(languages.split()),
                currency=currency,
                dates=tuple(dates.split()),
                amounts=tuple(amounts.split()),
                rates=tuple(rates.split()),
                legal_forms=tuple(legal.split(" | ")),
                cities=tuple(cities.split(" | ")),
                streets=tuple(streets.split(" | ")),
                address=address,
                vat_id=vat_id,
                phone=phone,
            )
        )
    return tuple(found)


COUNTRIES = _countries()
