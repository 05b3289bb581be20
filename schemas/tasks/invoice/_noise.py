"""What a scanner does to labels and distractors. Text between KEEP marks is never touched.

Knows nothing of documents: it sees a string with marked spans.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

_OPEN, _CLOSE = "\x02", "\x03"
_KEPT = re.compile(f"({_OPEN}[^{_CLOSE}]*{_CLOSE})")
_SWAPS = {"o": "0", "O": "0", "0": "O", "l": "1", "1": "l", "I": "l", "S": "5"}
# Letters without a decomposition.
_PLAIN = str.maketrans("łŁøØßđ", "lLoOsd")


def keep(text: str) -> str:
    """Mark a span that noise and letter case must leave alone."""
    return f"{_OPEN}{text}{_CLOSE}"


def unmark(text: str) -> str:
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def width(text: str) -> int:
    return len(unmark(text))


def smudge(rng: random.Random, text: str) -> str:
    """One or two kinds of damage to what is not kept; the marks stay."""
    for damage in rng.sample((_swap, _unspace, _respace, _break, _unaccent, _stray), rng.randint(1, 2)):
        text = damage(rng, text)
    return text


def _loose(text: str, change: Callable[[str], str]) -> str:
    parts = _KEPT.split(text)
    parts[::2] = [change(part) for part in parts[::2]]
    return "".join(parts)


def _sometimes(rng: random.Random, share: float, text: str, pattern: str, change: Callable[[str], str]) -> str:
    """Change about `share` of the pattern's matches outside kept spans."""
    return _loose(text, lambda part: re.sub(pattern, lambda m: change(m[0]) if rng.random() < share else m[0], part))


def _swap(rng: random.Random, text: str) -> str:
    return _sometimes(rng, 0.08, text, "[oO0l1IS]", _SWAPS.__getitem__)


def _unspace(rng: random.Random, text: str) -> str:
    # Only between two letters or behind a colon: "PO 4711" must not become "PO4711".
    return _sometimes(rng, 0.3, text, "(?<=[a-zà-ÿ]) (?=[A-Za-z])|(?<=:) ", lambda _: "")


def _respace(rng: random.Random, text: str) -> str:
    return _sometimes(rng, 0.15, text, " ", lambda _: "  ")


def _break(rng: random.Random, text: str) -> str:
    return _sometimes(rng, 0.25, text, ": ", lambda _: ":\n")


def _unaccent(_: random.Random, text: str) -> str:
    return _loose(text, lambda part: "".join(map(_bare, part)).translate(_PLAIN))


def _bare(sign: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", sign) if not unicodedata.combining(c))


def _stray(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        sign = rng.choice("|.~_'`;")
        lines[at] = f"{sign} {lines[at]}" if rng.random() < 0.4 else f"{lines[at]} {sign}"
    return "\n".join(lines)
