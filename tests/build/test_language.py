"""A text in a language that was not asked for is known as such; what can't be told is let through."""

from __future__ import annotations

import pytest

from boardwright.build.language import KNOWN, check_known, foreign
from boardwright.schemas.errors import BadTask

TEXTS = {
    "en": "Please find attached the invoice for your order. It is due within thirty days, and we thank you for that.",
    "de": "Anbei finden Sie die Rechnung für Ihre Bestellung. Wir bitten Sie, den Betrag auf das Konto zu überweisen.",
    "fr": "Veuillez trouver la facture de votre commande. Nous vous prions de régler le montant dans les trente jours.",
    "es": "Adjunto encontrará la factura de su pedido. Le rogamos que pague el importe en los próximos treinta días.",
    "it": "In allegato la fattura del suo ordine. La preghiamo di pagare il totale più presto, non è ancora pagato.",
    "nl": "Hierbij de factuur voor uw bestelling. Wij verzoeken u het bedrag niet later dan vrijdag te betalen.",
    "pl": "W załączeniu faktura za zamówienie. Proszę o zapłatę, czy to jest już wysłane przez was do nas.",
    "ru": "Пожалуйста, найдите счёт за ваш заказ в приложении к этому письму.",
    "ja": "ご注文の請求書を添付いたします。三十日以内にお支払いください。よろしくお願いします。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_in_its_own_language_passes(language: str) -> None:
    assert foreign(TEXTS[language], [language]) is None


@pytest.mark.parametrize("language", [code for code in TEXTS if code != "en"])
def test_a_text_in_another_language_is_told(language: str) -> None:
    assert foreign(TEXTS[language], ["en"]) is not None
    assert foreign(TEXTS[language], ["en", language]) is None


@pytest.mark.parametrize("text", ["", "ACME GmbH 12.50", "Total: 9.00", "Kärcher", "привет", "1003.45,70.62,24.06"])
def test_names_numbers_and_a_few_words_tell_nothing(text: str) -> None:
    assert foreign(text, ["en"]) is None


def test_a_code_that_is_not_known_is_refused_with_those_that_are() -> None:
    check_known(KNOWN)
    with pytest.raises(BadTask, match="unknown language") as raised:
        check_known(["en", "tlh"])
    assert raised.value.value == "tlh" and "en" in str(raised.value.allowed)
