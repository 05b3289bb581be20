"""Rows of Italian, Dutch, Polish, Swedish and Czech wordings for `_labels`.

Knows nothing of how they are read: the format is explained there.
"""

from __future__ import annotations

IT = """
title: Fattura | Fattura | Fattura di vendita
vendor: Da | Fornitore | Venditore | Emittente | Cedente
buyer: Cliente | Spett.le | Destinatario | Intestata a | Acquirente
invoice: Fattura n. | Numero fattura | N. fattura | Fattura | Fatt. n. | N. documento
receipt: Scontrino n. | Ricevuta n.
order: Ordine | Ordine n. | Vostro ordine | N. ordine | Vs. ordine | Rif. ordine
date: Data | Data fattura | Data di emissione | Emessa il | Data documento
total: Totale | Totale fattura | Importo totale | Totale da pagare | Totale IVA inclusa | Da pagare
gross: Totale fattura | Importo totale | Totale IVA inclusa
net: Imponibile | Subtotale | Totale netto | Netto
vat: IVA {r}% | IVA ({r} %) | I.V.A. {r}%
vat_in: di cui IVA {r}% | IVA {r} % compresa
shipping: Spese di spedizione | Trasporto | Spedizione
deposit: Acconto versato | Acconto ricevuto
balance: Saldo residuo | Residuo dopo acconto
cash: Contanti | Pagato
change: Resto
due: Scadenza | Pagare entro | Data di scadenza
delivered: Data di consegna | Consegnato il
ordered: Data ordine | Ordinato il
customer: Codice cliente | N. cliente
note: DDT n. | Bolla n.
project: Progetto | Commessa
contract: Contratto n. | Contratto
terms: Pagamento | Condizioni
days: {n} giorni | a {n} giorni
contact: Contatto | Referente
page: Pagina {a} di {b} | Pag. {a}/{b}
phone: Tel. | Telefono
vat_id: P. IVA | Partita IVA
currency: Valuta
amounts_in: Importi in {c} | Prezzi in {c}
thanks: Grazie per la fiducia! | Grazie | Merce resa franco destino.
slogan: Dal {y} | Qualità dal {y}
subject: Oggetto | Rif.
goods: Scala | Mensola | Consulenza | Tubo rame | Toner | Trasferta | Pastiglie freni | Caffè | Vernice
open: Gentile cliente,/in allegato la nostra fattura[ n. {inv}][ del {date}][ per il Vostro ordine {order}].
open: Buongiorno,/ecco la fattura[ {inv}][ datata {date}][ (ordine {order})].
open: Grazie per il Vostro ordine[ {order}]. La fattura[ {inv}] è stata emessa[ il {date}].
open: Spettabile ditta,/per l'ordine[ {order}] Vi inviamo la fattura[ numero {inv}][ in data {date}].
pay: L'importo totale di {total} è da pagare entro il {due}. | Vi preghiamo di versare {total} entro il {due}.
pay: Totale da pagare: {total}[ (netto {net})]. | [Imponibile {net}, IVA {vat}, ]totale {total}. | Totale: {total}.
nopay: Scadenza {due}. | [L'imponibile è di {net}. ]Pagamento a 14 giorni.
extra: Il Vostro codice cliente: {customer}. | Consegna avvenuta il {delivered}. | DDT n. {note}.
close: Cordiali saluti[/{vendor}] | Distinti saluti,/Amministrazione[/{vendor}] | Un saluto,[/{vendor}]
"""

NL = """
title: Factuur | Factuur | Verkoopfactuur
vendor: Van | Leverancier | Verkoper | Afzender
buyer: Aan | Klant | Factuur aan | Afnemer | Koper
invoice: Factuurnummer | Factuurnr. | Factuur | Factuur nr. | Fact.nr.
receipt: Bonnr. | Kassabon nr.
order: Bestelnummer | Uw bestelling | Ordernummer | Uw order | Inkooporder | Bestelnr.
date: Datum | Factuurdatum | Datum factuur | Opgesteld op
total: Totaal | Totaalbedrag | Totaal incl. btw | Te betalen | Factuurbedrag | Totaal te voldoen
gross: Factuurbedrag | Totaal incl. btw
net: Subtotaal | Nettobedrag | Totaal excl. btw | Netto
vat: btw {r}% | BTW {r} % | {r}% btw
vat_in: waarvan btw {r}% | incl. {r}% btw
shipping: Verzendkosten | Vracht | Bezorging
deposit: Aanbetaling ontvangen | Reeds aanbetaald
balance: Restbedrag | Rest na aanbetaling
cash: Contant | Ontvangen
change: Wisselgeld | Terug
due: Vervaldatum | Betalen voor | Te betalen voor
delivered: Leverdatum | Geleverd op
ordered: Besteldatum | Besteld op
customer: Klantnummer | Debiteurnr. | Klantnr.
note: Pakbon | Pakbonnr.
project: Project | Projectnr.
contract: Contractnr. | Contract
terms: Betaling | Betalingstermijn
days: {n} dagen | binnen {n} dagen
contact: Contactpersoon | Behandeld door
page: Pagina {a} van {b} | Pag. {a}/{b}
phone: Tel. | Telefoon
vat_id: Btw-nr. | KvK
currency: Valuta
amounts_in: Alle bedragen in {c} | Prijzen in {c}
thanks: Bedankt voor uw bestelling! | Hartelijk dank! | Op al onze leveringen gelden voorwaarden.
slogan: Vakwerk sinds {y} | Sinds {y}
subject: Onderwerp | Betreft
goods: Ladder | Plank eiken | Advies | Koperbuis | Toner | Voorrijkosten | Remblokken | Koffie | Verf | Tegels
open: Geachte relatie,/bijgaand onze factuur[ nr. {inv}][ van {date}][ voor uw bestelling {order}].
open: Hallo,/hierbij factuur[ {inv}][ d.d. {date}][ (uw order {order})].
open: Dank voor uw bestelling[ {order}]. Onze factuur[ {inv}] is opgemaakt[ op {date}].
open: Beste klant,/voor bestelling[ {order}] sturen wij u factuur[ nummer {inv}][, gedateerd {date}].
pay: Het totaalbedrag van {total} voldoet u voor {due}. | Graag {total} overmaken voor {due}.
pay: Te betalen: {total}[ (netto {net})]. | [Netto {net}, btw {vat}, ]totaal {total}. | Factuurbedrag: {total}.
nopay: Betalen voor {due}. | [Het nettobedrag is {net}. ]Graag betalen binnen 14 dagen.
extra: Uw klantnummer is {customer}. | De levering was op {delivered}. | Pakbon {note}.
close: Met vriendelijke groet,[/{vendor}] | Hoogachtend,/Administratie[/{vendor}] | Groeten,[/{vendor}]
"""

PL = """
title: Faktura VAT | Faktura
vendor: Sprzedawca | Dostawca | Wystawca
buyer: Nabywca | Klient | Odbiorca
invoice: Faktura nr | Nr faktury | Numer faktury | Faktura VAT nr
receipt: Paragon nr | Nr paragonu
order: Zamówienie | Nr zamówienia | Zamówienie nr | Państwa zamówienie
date: Data wystawienia | Data | Wystawiono | Data faktury
total: Do zapłaty | Razem brutto | Kwota brutto | Suma brutto | Razem do zapłaty
gross: Razem brutto | Kwota brutto
net: Razem netto | Kwota netto | Wartość netto
vat: VAT {r}% | Podatek VAT {r} %
vat_in: w tym VAT {r}% | w tym {r}% VAT
shipping: Dostawa | Koszt wysyłki
deposit: Zaliczka wpłacona | Wpłacona zaliczka
balance: Pozostało po zaliczce
cash: Gotówka
change: Reszta
due: Termin płatności | Płatne do
delivered: Data dostawy | Data sprzedaży
ordered: Data zamówienia
customer: Nr klienta | Kod klienta
note: WZ nr | Dokument WZ
project: Projekt
contract: Umowa nr
terms: Płatność
days: {n} dni | przelew {n} dni
contact: Kontakt | Opiekun
page: Strona {a} z {b} | Str. {a}/{b}
phone: Tel.
vat_id: NIP
currency: Waluta
amounts_in: Kwoty w {c} | Ceny w {c}
thanks: Dziękujemy za zakupy! | Dziękujemy
slogan: Od {y} roku | Firma rodzinna od {y}
subject: Temat | Dotyczy
goods: Drabina | Półka | Doradztwo | Rura | Toner | Dojazd | Klocki | Kawa | Farba
open: Szanowni Państwo,/w załączeniu faktura[ nr {inv}][ z dnia {date}][ do zamówienia {order}].
open: Dzień dobry,/przesyłamy fakturę[ {inv}][ wystawioną {date}][ (zamówienie {order})].
open: Dziękujemy za zamówienie[ {order}]. Faktura[ {inv}] została wystawiona[ {date}].
pay: Do zapłaty: {total}[ (netto {net})]. | Prosimy o wpłatę {total} do {due}.
pay: [Netto {net}, VAT {vat}, ]brutto {total}.
nopay: Termin płatności: {due}. | [Kwota netto: {net}. ]Płatność w ciągu 14 dni.
extra: Numer klienta: {customer}. | Data dostawy: {delivered}.
close: Z poważaniem[/{vendor}] | Pozdrawiamy,/Księgowość[/{vendor}]
"""

SV = """
title: Faktura | Kundfaktura
vendor: Från | Leverantör | Säljare
buyer: Till | Kund | Köpare | Mottagare
invoice: Fakturanummer | Fakturanr | Faktura nr | Faktura
receipt: Kvitto nr | Kvittonr
order: Er order | Ordernummer | Beställning | Ert ordernr | Inköpsorder
date: Datum | Fakturadatum | Utfärdad
total: Att betala | Totalt | Summa att betala | Totalbelopp | Totalt inkl. moms
gross: Totalbelopp | Totalt inkl. moms
net: Netto | Summa exkl. moms | Delsumma
vat: Moms {r}% | Moms {r} %
vat_in: varav moms {r}% | inkl. moms {r} %
shipping: Frakt | Fraktkostnad
deposit: Betald handpenning
balance: Kvar efter handpenning
cash: Kontant
change: Växel
due: Förfallodatum | Betalas senast | Förfaller
delivered: Leveransdatum | Levererat
ordered: Orderdatum | Beställt
customer: Kundnummer | Kundnr
note: Följesedel
project: Projekt
contract: Avtal nr
terms: Betalningsvillkor
days: {n} dagar | {n} dagar netto
contact: Er kontakt | Vår referens
page: Sida {a} av {b} | Sida {a}/{b}
phone: Tel | Telefon
vat_id: Momsreg.nr | Org.nr
currency: Valuta
amounts_in: Alla belopp i {c} | Priser i {c}
thanks: Tack för er beställning! | Tack!
slogan: Sedan {y} | Familjeföretag sedan {y}
subject: Ämne | Ang.
goods: Stege | Hylla ek | Rådgivning | Kopparrör | Toner | Resa | Bromsbelägg | Kaffe | Färg
open: Hej,/här kommer faktura[ nr {inv}][ daterad {date}][ för er beställning {order}].
open: Bästa kund,/bifogat finns vår faktura[ {inv}][ från {date}][ (er order {order})].
open: Tack för er order[ {order}]. Vår faktura[ {inv}] utfärdades[ den {date}].
pay: Att betala: {total}[ (netto {net})]. | Vänligen betala {total} senast {due}.
pay: [Netto {net}, moms {vat}, ]totalt {total}.
nopay: Förfaller {due}. | [Nettobeloppet är {net}. ]Betalning inom 14 dagar.
extra: Ert kundnummer är {customer}. | Leverans skedde {delivered}.
close: Med vänlig hälsning[/{vendor}] | Hälsningar,/Ekonomi[/{vendor}]
"""

CS = """
title: Faktura | Faktura - daňový doklad
vendor: Dodavatel | Prodejce | Vystavil
buyer: Odběratel | Zákazník | Kupující
invoice: Faktura č. | Číslo faktury | Faktura číslo | Doklad č.
receipt: Účtenka č. | Paragon č.
order: Objednávka č. | Číslo objednávky | Vaše objednávka | Objednávka
date: Datum vystavení | Vystaveno | Datum | Vystaveno dne
total: Celkem k úhradě | K úhradě | Celkem s DPH | Částka celkem
gross: Celkem s DPH | Částka celkem
net: Základ daně | Celkem bez DPH | Mezisoučet
vat: DPH {r}% | DPH {r} %
vat_in: z toho DPH {r}% | vč. DPH {r} %
shipping: Doprava | Poštovné
deposit: Uhrazená záloha
balance: Zbývá po záloze
cash: Hotovost
change: Vráceno
due: Splatnost | Datum splatnosti
delivered: Datum dodání | Dodáno
ordered: Datum objednávky | Objednáno
customer: Číslo zákazníka | Zákaznické č.
note: Dodací list
project: Projekt | Zakázka
contract: Smlouva č.
terms: Platba
days: {n} dní | převodem, {n} dní
contact: Kontakt | Vyřizuje
page: Strana {a} z {b} | Str. {a}/{b}
phone: Tel.
vat_id: DIČ
currency: Měna
amounts_in: Částky v {c} | Ceny v {c}
thanks: Děkujeme za nákup! | Děkujeme
slogan: Od roku {y} | Tradice od {y}
subject: Předmět | Věc
goods: Žebřík | Police | Poradenství | Trubka | Toner | Výjezd | Brzdy | Káva | Barva
open: Dobrý den,/v příloze zasíláme fakturu[ č. {inv}][ ze dne {date}][ k Vaší objednávce {order}].
open: Vážený zákazníku,/posíláme fakturu[ {inv}][ vystavenou {date}][ (objednávka {order})].
open: Děkujeme za objednávku[ {order}]. Faktura[ {inv}] byla vystavena[ dne {date}].
pay: Celkem k úhradě: {total}[ (bez DPH {net})]. | Uhraďte prosím {total} do {due}.
pay: [Základ {net}, DPH {vat}, ]celkem {total}.
nopay: Splatnost {due}. | [Základ daně je {net}. ]Splatnost 14 dní.
extra: Vaše zákaznické číslo: {customer}. | Dodáno dne {delivered}.
close: S pozdravem[/{vendor}] | Děkujeme,/účtárna[/{vendor}]
"""
