"""The words of synthetic messages: two parts that share no name, no street, no town, no mail host and no sentence.

What is to be learnt from is made up of many parts, so that hardly anything comes twice; what is held out is a few
messages of other people. Slots in braces are filled by `documents`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from boardwright.schemas.names import coined, first_name, last_name, one_of, syllables, town


@dataclass(frozen=True)
class Words:
    """What one part writes with. said: sentences with slots for data.  plain: sentences without any, or with slots for
    what looks like data and is none.  first, last, street, town, host: make one each."""

    first: Callable[[random.Random], str]
    last: Callable[[random.Random], str]
    street: Callable[[random.Random], str]
    town: Callable[[random.Random], str]
    host: Callable[[random.Random], str]
    said: tuple[str, ...]
    plain: tuple[str, ...]
    opened: tuple[str, ...]
    closed: tuple[str, ...]


STREETS = (
    "{p}weg {n}", "{n} {p} Lane", "Rue {p} {n}", "{p}str. {n}a", "{n} {p} Road, Flat {d}", "Via {p} {n}",
    "{p}straße {n}", "{n} {p} Street", "{n} rue de {p}", "Avenida {p} {n}", "{p}gatan {n}", "{n}b {p} Avenue",
    "ul. {p} {n}/{d}", "{p}platz {n}", "{p} Crescent {n}", "Plaza de {p} {n}", "{n} The {p}", "{p}gade {n}, {d}. tv",
    "Am {p} {n}", "An der {p} {n}", "Lindenweg {n}", "{n} Mill Lane", "Rue du Port {n}", "Hauptstr. {n}a",
    "{n} Station Road, Flat {d}", "Via Roma {n}", "{n} Church Hill", "Bahnhofstr. {n}", "{n} High Street",
)  # fmt: skip

PRODUCTS = (
    "boiler", "lamp", "washing machine", "kettle", "bike", "router", "garden chair", "coffee machine", "heat pump",
    "phone", "drill", "mattress", "printer", "camera", "headset", "tent", "freezer", "keyboard", "sofa", "thermostat",
    "vacuum cleaner", "radio", "toaster", "pressure cooker", "solar panel", "lawn mower", "watch", "door lock",
)  # fmt: skip


def _street(rng: random.Random) -> str:
    values = {"p": coined(rng), "n": rng.randint(1, 240), "d": rng.randint(1, 9)}
    return rng.choice(STREETS).format(**values)


def _town(rng: random.Random) -> str:
    name = town(rng)
    letters = "".join(rng.choices("ABDEGHLMNSWY", k=2))
    form = rng.choice(("{five} {t}", "{four} {t}", "{t}", "{t} {u}{a} {b}{v}", "{three} {two} {t}", "D-{five} {t}"))
    return form.format(
        t=name, u=name[0].upper() + letters[:1], v=letters, a=rng.randint(1, 29), b=rng.randint(1, 9),
        five=rng.randint(10_000, 99_999), four=rng.randint(1000, 9999), three=rng.randint(100, 999),
        two=rng.randint(10, 99),
    )  # fmt: skip


def _host(rng: random.Random) -> str:
    name = syllables(rng, 1) + rng.choice(("net", "post", "box", "-mail", "web", "works", "hub", ".co", "line"))
    return name + rng.choice((".example", ".example", ".test", ".invalid"))


TRAIN = Words(
    first=first_name,
    last=last_name,
    street=_street,
    town=_town,
    host=_host,
    said=(
        "You can reach me at {phone}.", "Write to {email} or call {phone}.", "Name: {name}", "My address is {address}.",
        "I was born on {birthdate}.", "Date of birth: {birthdate}", "Please send the money to {account}.",
        "IBAN: {account}", "My card is {card}.", "Paid with {card} on {day}.", "My customer number is {id}.",
        "Passport no. {id}", "Tel.: {phone}", "Deliver it to {name}, {address}.", "{name} will pick it up.",
        "Ask {name} ({email}).", "My neighbour {name} saw it.", "Patient {name}, born {birthdate}, id {id}.",
        "{name} <{email}> wrote:", "Contact: {name}, {phone}", "Mail: {email}", "Call me back on {phone} after six.",
        "The refund belongs on {account}, not on the card.", "Card number {card}, as you asked.",
        "Fax {phone}, to the attention of {name}.", "We moved to {address} in spring.", "Address: {address}",
        "Ship to: {name}, {address}", "My wife {name} signed for it.", "Your driver gave it to {name} next door.",
        "Member {id} since {year}.", "Membership: {id}", "I am {name} and I bought the {product} from you.",
        "This is {name} of {firm}.", "{name}, {address}, {phone}", "{name} / {birthdate} / {id}",
        "Yesterday {name} of your shop promised me a {product}.", "Reply to {email} only.",
        "cc: {email}", "From: {name} <{email}>", "My account {account} was charged twice.",
        "Please change my number from {phone} to {phone2}.", "The old address was {address}.",
        "Policy holder {name}, policy {id}.", "Driving licence: {id}", "Tax number {id}, {name}.",
        "Our daughter {name} was born on {birthdate}.", "DOB {birthdate}", "{name} said that {name2} had paid.",
        "Mr {last} never called back.", "Mrs {last} at the desk was kind.", "Dr. {last} has seen the X-ray.",
        "Customer: {name}", "Buyer {name} ({id})", "mobile {phone}, at work {phone2}",
        "Send the {product} to {address}.",
        "The parcel went to {name2} instead of {name}.", "My mother, {name}, is {age} years old.",
        "Book it under {name}.", "Ring {name}'s bell at {address}.", "The invoice of {day} is {name}'s.",
        "Charge {card}.", "Visa {card}, {name}", "Transfer {amount} to {account}.", "Bank: {account} ({name})",
        "I am in from nine, {phone}.", "Username {email}, and the order is {order}.", "Ich bin {name}.",
        "Meine Nummer ist {phone}.", "Je suis {name}, {address}.", "Geboren am {birthdate} in {place}.",
        "{name} lives next door.", "{name} has the key and is at home until {hour}.",
        "{name} works for {firm} in {place}.", "{name} can let you in.", "{name} told me about the {product}.",
        "{name} and {name2} were there.", "{name} paid {amount} on {day}.", "{name} repaired it for {amount}.",
        "{name}, my husband, was born on {birthdate}.", "{first} knows more than I do.",
        "{name} is reachable all day: {phone}.", "{name} takes calls from {hour} on {phone}.",
        "{last} is the name on the door.", "{name} may answer for me, {email}.",
        "{name} should be written to at {address}.", "Then {name} came with the {product}.",
        "Since {day} {name} has not been seen.", "{name}: {phone}", "{name} holds card {card}.",
        "{name} has {id} on the card of the library.", "Not {name} but {name2} ordered it.",
    ),
    plain=(
        "The parcel has not arrived since {day}.", "I ordered two of the {product} from {firm} for {amount}.",
        "The error is {code} on firmware {release}.", "The shop in Main Street opens at {hour}.", "Please hurry.",
        "Thank you for your help last week.", "It rains a lot in {place}.", "Order {order} is still open.",
        "The museum closed in {year}.", "Version {release} was fine.", "{firm} does not answer.",
        "The {product} by {firm} broke on {day}.", "Part {code} is missing.", "On the back it says {code}.",
        "Invoice {order} of {day} is over {amount}.", "I paid {amount} on {day}.", "It costs {amount} at {firm}.",
        "The label reads {code}, the box {code2}.", "Since {release} the {product} beeps.", "Serial {code}.",
        "Model: {code}", "Your offer of {day} was {amount}.", "The train to {place} left at {hour}.",
        "We met in {place} in {year}.", "The {product} has {count} lamps and weighs {count} kg.",
        "Room {count} was cold.", "Error {code}", "Software: {release}", "{firm} in {place} sells it for {amount}.",
        "Since {year} I buy at {firm}.", "It was delivered on {day} at {hour}.", "The guarantee ends on {day}.",
        "Is the {product} of {firm} still made?", "I want my money back.", "Nobody picks up the phone.",
        "See page {count} of the manual.", "Ticket {order} was closed without an answer.", "What else can I do?",
        "The bill of {firm} says {amount}.", "The {product} stopped after {count} days.", "{place} is far away.",
        "Batch {code} of {day}.", "Where is my parcel?", "The app shows {code}.", "The hotline is always busy.",
        "Update {release} of {day} broke it.", "Our office moves to {place} in {year}.", "Article no. {order}",
        "Nothing helped so far.", "I will not buy at {firm} again.", "Delivery note {order}, {count} boxes.",
        "The {firm} app asks for an update.", "Send me the {product} in blue.", "It has been {count} weeks.",
        "{firm} can't be reached before {hour}.", "{place} has no shop that can repair it.",
        "{firm} will call on {day}.", "{place} and {place2} are on the same line.", "{code} is what the screen shows.",
        "{firm} took it back for {amount}.", "{order} is the number on the box.", "{day} was a holiday in {place}.",
        "{firm} and {firm2} blame each other.",
    ),
    opened=(
        "Hello,", "Dear support team,", "Hi there,", "Good morning,", "", "", "Dear {firm},", "Hi {first},", "Hey,",
        "Dear Sir or Madam,", "Re: order {order}", "Guten Tag,", "Bonjour,", "Complaint of {day}", "Dear Mr {last},",
    ),
    closed=(
        "Regards, {name}", "{name}", "Thanks!\n{name}\n{phone}", "Best, {name}\n{address}", "", "", "Cheers, {first}",
        "Kind regards\n{name}\n{email}", "{first}", "Greetings from {place}, {name}", "Sincerely, {name}, {firm}",
        "Bye", "Sent from my phone", "Mit freundlichen Grüßen\n{name}", "Cordialement, {name}", "Thank you",
    ),
)  # fmt: skip
VALID = Words(
    # The last six are no names that a rule knows.
    first=one_of(
        *"Nadia Oskar Leyla Simon Bruna Kasper Dana Elias Maja Stefan Amira Ruben Thea Ivan Judith".split(),
        *"Tjorven Ysolde Quirin Eilidh Wanja Sanjin".split(),
    ),
    last=one_of(*"Vasquez Holm Berger Nakamura Silva Winter Popescu Laurent Ahmadi Falk Marino Stein".split()),
    street=lambda rng: rng.choice(("Am Markt {n}", "{n} Abbey Close", "Calle Mayor {n}", "Kirchgasse {n}b")).format(
        n=rng.randint(1, 140)
    ),
    town=one_of("4020 Linz", "York YO1 7HH", "28013 Madrid", "75 221 Uppsala"),
    host=one_of("northmail.example", "briefe.example", "silverlake.example"),
    said=(
        "My phone: {phone}.", "Mails go to {email}, please.", "I live at {address}.", "Birthday: {birthdate}",
        "My bank account is {account}.", "The number of the card is {card}.", "Client no. {id}",
        "Speak to {name} about it.",
        "The invoice goes to {name}, {address}.", "{name} can be called under {phone}.",
        "Insured person: {name}, no. {id}",
    ),
    plain=(
        "The delivery of 7 June 2025 was damaged.", "Talvex Ltd sold me the lamp for 89.50 dollars.",
        "The code on it says F-2093.",
        "The town hall is closed on Mondays.", "What happens now?", "Release 4.1.7 does not help.",
    ),
    opened=("Good day,", "To whom it may concern,", ""),
    closed=("Many thanks, {name}", "-- \n{name}, {email}", "Yours\n{name}", ""),
)  # fmt: skip
PARTS = {"train": TRAIN, "valid": VALID}
