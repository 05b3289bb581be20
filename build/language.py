"""Language: whether a text is plainly in another language than those that were asked for.

Knows nothing of grammar: letters tell the script, the commonest words the language. A short text, or one of names and
numbers, is never refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from boardwright.schemas.errors import BadTask

# Languages that are told by their script alone.
_SCRIPTS = {
    "ru": "CYRILLIC", "uk": "CYRILLIC", "bg": "CYRILLIC", "el": "GREEK", "he": "HEBREW", "ar": "ARABIC", "fa": "ARABIC",
    "hi": "DEVANAGARI", "th": "THAI", "ko": "HANGUL", "ja": "HIRAGANA KATAKANA CJK", "zh": "CJK",
}  # fmt: skip
# The commonest words of those that are written in Latin letters; what two languages share counts for both.
_WORDS = {
    "en": "the of and to is for you that it with this your are from have was be please not which we at on my what how",
    "de": "der die und das ist nicht ein eine den von mit für auf sie wir bitte im dem auch wird bei ich ihre zu wie",
    "fr": "le les et des une est pour dans que vous sur avec pas nous votre du au ce qui par je cette sont ou mais",
    "es": "el los y las una es por con para del su que se no lo más pero este está como nuestra usted muy sus al qué",
    "it": "il di che è un per non una sono gli della con del si le da nel alla più questo come ma anche ho delle dei",
    "pt": "o os e um uma é não para com do da em por dos das que se mais como no na seu sua está você ao pelo são",
    "nl": "de het een en van is dat niet voor op met zijn te aan er ook maar door wij uw naar bij deze ik wordt hebben",
    "sv": "och att det är som en på för med av den till har inte om ett vi jag från eller du kan ni denna också",
    "da": "og at det er som en på for med af den til har ikke om et vi jeg fra eller du kan dette også nogle hvad",
    "fi": "ja on ei se että hän oli joka mutta kun niin tai myös olen voi ovat sen tämä kuin jos minä sinä mitä kiitos",
    "pl": "i w na z do się nie jest to że za od po jak dla przez oraz jego czy ale są przy tak już proszę",
    "cs": "a v se na je že s z do to k ve pro za by jako od jsou ale při být které není jsme tak prosím jeho",
    "hu": "a az és hogy nem is egy van ez azt csak de meg ha vagy mint már még kell volt lesz ki mi ezt",
    "ro": "și de la a în cu pe din o nu este pentru care un să mai că sau dar fi ce vă prin acest sunt",
    "tr": "ve bir bu da için ile de çok daha ne gibi olarak ama o kadar var değil mi en olan ben sizin lütfen",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _code, _words in _WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_code)
KNOWN = sorted({*_WORDS, *_SCRIPTS})
# Words of another language that must stand there, and how many times those of a language that was asked for.
_LEAST, _TIMES = 4, 3


def check_known(languages: Sequence[str]) -> None:
    """Raises BadTask for a code that is not known here."""
    for code in languages:
        if code not in KNOWN:
            raise BadTask("A check names an unknown language.", where="languages", value=code, allowed=", ".join(KNOWN))


def foreign(text: str, languages: Sequence[str]) -> str | None:
    """What the text is in, where that is plainly none of `languages`: a code, or a script in words."""
    letters = [unicodedata.name(c, "?").split()[0] for c in text if c.isalpha()]
    scripts = Counter(letters)
    allowed = {script for code in languages for script in _SCRIPTS.get(code, "LATIN").split()}
    if scripts:
        script, count = scripts.most_common(1)[0]
        if script not in allowed and count >= 20 and 2 * count > len(letters):
            return f"{script.lower()} letters"
    words = re.findall(r"[^\W\d_]+", text.lower())
    hits = Counter(code for word in words for code in _LANGUAGES_OF.get(word, ()))
    others = [(count, code) for code, count in hits.items() if code not in languages]
    if others:
        most, code = max(others)
        if most >= _LEAST and most >= _TIMES * max((hits[asked] for asked in languages), default=0):
            return code
    return None
