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
GB 14; en; GBP; slash slash long abbr iso dash; comma comma plain; 20 5 0
  Ltd | Limited | PLC | LLP
  Leeds LS1 4AP | Bristol BS1 6QA | York YO1 7HH | London E2 8DY; Mill Lane | High Street | Station Road | Park Row
  {n} {street}, {city}; GB#########; 01## ### ####
US 14; en; USD; us_long us_long slash_us slash_us abbr iso us_abbr; comma comma plain; 8.25 6 7 0
  Inc. | LLC | Corp. | , Inc. | Co.
  Austin, TX 78701 | Portland, OR 97205 | Dayton, OH 45402 | Boise, ID 83702
  Oak Street | Main St | 5th Avenue | Elm Rd
  {n} {street}, {city}; ##-#######; (5##) 555-01##
IE 3; en; EUR; slash long iso dash abbr; comma plain; 23 13.5 0
  Ltd | DAC | Teoranta
  Cork | Dublin 8 | Galway; Harbour View | Abbey Street | Quay Road
  {n} {street}, {city}; IE#######LA; 01 ### ####
DE 14; de; EUR; dot dot dot_short dot_plain dot2 long iso; dot dot dot plain_comma; 19 19 7
  GmbH | GmbH | AG | e.K. | KG | GmbH & Co. KG | UG | OHG
  20095 Hamburg | 50667 Köln | 04109 Leipzig | 70173 Stuttgart | 80331 München
  Hauptstr. | Am Markt | Bergweg | Gartenstraße
  {street} {n}, {city}; DE#########; 0## / ######
AT 5; de; EUR; dot dot_short long iso dot_plain; dot plain_comma; 20 10
  GmbH | GesmbH | OG | e.U.
  1010 Wien | 8010 Graz | 5020 Salzburg; Ringstraße | Kirchplatz | Lindengasse
  {street} {n}, {city}; ATU########; 01 #######
CH 8; de fr it en; CHF; dot dot_short dot_plain long iso; apos apos plain; 8.1 2.6
  AG | GmbH | SA | Sàrl
  8001 Zürich | 3011 Bern | 1204 Genève | 6900 Lugano; Seeweg | Rue du Lac | Bahnhofstrasse | Via Cantonale
  {street} {n}, {city}; CHE-###.###.###; 044 ### ## ##
FR 9; fr; EUR; slash slash long iso dash; space space plain_comma; 20 10 5.5
  SARL | SAS | SA | EURL | SNC
  69002 Lyon | 75011 Paris | 33000 Bordeaux | 59000 Lille; rue Pasteur | avenue Foch | place du Marché
  {n} {street}, {city}; FR## ### ### ###; 04 ## ## ## ##
BE 4; nl fr; EUR; slash dash long iso dot; dot plain_comma; 21 6
  BV | NV | SRL | SA
  2000 Antwerpen | 9000 Gent | 4000 Liège; Kerkstraat | Rue Neuve | Markt
  {street} {n}, {city}; BE0###.###.###; 03 ### ## ##
ES 8; es; EUR; slash slash dash long iso; dot dot plain_comma; 21 10
  S.L. | S.A. | SL | S.L.U. | S. Coop.
  28013 Madrid | 41001 Sevilla | 46002 Valencia; Calle Mayor | Avda. del Puerto | Plaza Nueva
  {street} {n}, {city}; B########; 91 ### ## ##
IT 8; it; EUR; slash slash dash long iso dot; dot dot plain_comma; 22 10 4
  S.r.l. | S.p.A. | Srl | S.n.c. | S.a.s.
  20121 Milano | 10122 Torino | 50123 Firenze; Via Roma | Corso Italia | Viale Verdi
  {street} {n}, {city}; IT###########; 02 #######
NL 7; nl; EUR; dash dash slash long iso; dot dot plain_comma; 21 9
  B.V. | BV | N.V. | V.O.F.
  3511 AB Utrecht | 1012 RJ Amsterdam | 9711 LM Groningen; Kerkstraat | Havenweg | Dorpsplein
  {street} {n}, {city}; NL#########B01; 030 ### ## ##
PL 5; pl; PLN; dot iso dash long iso; space plain_comma; 23 8 5
  Sp. z o.o. | S.A. | sp.j. | sp. z o.o. sp.k.
  00-001 Warszawa | 30-002 Kraków | 61-001 Poznań; ul. Długa | ul. Leśna | al. Wolności
  {street} {n}, {city}; ###-###-##-##; 22 ### ## ##
SE 6; sv; SEK; iso iso long slash; space plain_comma; 25 12
  AB | Handelsbolag | HB | Aktiebolag
  411 03 Göteborg | 111 20 Stockholm | 903 26 Umeå; Storgatan | Kungsgatan | Hamnvägen
  {street} {n}, {city}; SE##########01; 031-## ## ##
CZ 5; cs; CZK; dot_plain dot long iso; space plain_comma; 21 12
  s.r.o. | a.s. | spol. s r.o. | v.o.s.
  602 00 Brno | 110 00 Praha 1 | 301 00 Plzeň; Nádražní | Husova | Polní
  {street} {n}, {city}; CZ########; ### ### ###
JP 4; en; JPY; iso long us_long abbr; comma comma plain; 10 8
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
