"""What invoices call things, in four languages: `LABELS[language][key]` is a tuple of wordings.

Knows nothing of values, layouts or which part a wording is used in. Prose rows hold whole sentences: a group in
square brackets is dropped when one of its slots has no value, and "/" stands for a line break.
"""

from __future__ import annotations

_EN = """
title: Invoice | Tax invoice | Sales invoice
vendor: From | Supplier | Vendor
buyer: Bill to | Customer | Invoice to
invoice: Invoice no. | Invoice number | Invoice # | Inv. no.
receipt: Receipt no. | Receipt
order: PO | PO number | Purchase order | Order no.
date: Date | Invoice date | Date of issue | Issued
total: Total | Grand total | Invoice total | Total incl. VAT
gross: Invoice total | Gross total
net: Subtotal | Net amount
vat: VAT {r}% | VAT ({r} %)
vat_in: incl. VAT {r}% | of which {r}% VAT
shipping: Shipping | Delivery charge
deposit: Deposit paid | Less deposit
balance: Remaining balance | Balance after deposit
cash: Cash | Tendered
change: Change
due: Due date | Payment due
delivered: Delivery date | Delivered
ordered: Order date | Ordered on
customer: Customer no. | Account no.
note: Delivery note | Delivery note no.
project: Project no. | Project
contract: Contract no. | Contract
terms: Terms | Payment terms
days: {n} days | net {n} days
contact: Contact | Your contact
page: Page {a} of {b} | Page {a}/{b}
phone: Tel | Phone
vat_id: VAT ID | VAT reg. no.
currency: Currency
amounts_in: All amounts in {c} | Prices in {c}
thanks: Thank you for your business! | Thank you!
slogan: Quality since {y} | Family business since {y}
subject: Subject | Re
goods: Ladder | Oak shelf | Consulting | Copper pipe | Printer ink | Site visit | Brake pads | Coffee | Hosting
open: Dear Sir or Madam,/please find attached our invoice[ no. {inv}][ dated {date}][ for your order {order}].
open: Hello,/here is invoice[ {inv}][ of {date}][ (your PO {order})].
pay: The total of {total} is payable by {due}. | Please transfer {total} by {due}. | Amount due: {total}[ (net {net})].
nopay: Payment is due by {due}.
extra: Your customer number is {customer}. | The goods left us on {delivered}.
close: Kind regards[/{vendor}] | Yours sincerely,/Accounts department[/{vendor}]
"""

_DE = """
title: Rechnung | Rechnung | Ausgangsrechnung
vendor: Von | Lieferant | Rechnungssteller
buyer: An | Kunde | Rechnungsempfänger
invoice: Rechnungsnummer | Rechnungs-Nr. | Rechnung Nr. | Rg.-Nr.
receipt: Bon-Nr. | Beleg-Nr.
order: Bestellnummer | Ihre Bestellung | Bestell-Nr. | Ihre Bestellnr.
date: Datum | Rechnungsdatum | Belegdatum | Ausgestellt am
total: Gesamtbetrag | Rechnungsbetrag | Bruttobetrag | Endbetrag
gross: Rechnungsbetrag | Bruttobetrag
net: Nettobetrag | Zwischensumme
vat: MwSt {r}% | USt. {r} %
vat_in: inkl. {r}% MwSt | enthaltene MwSt {r} %
shipping: Versand | Versandkosten
deposit: Anzahlung erhalten | abzgl. Anzahlung
balance: Restbetrag | Rest nach Anzahlung
cash: Bar | Gegeben
change: Rückgeld | Zurück
due: Fällig am | Zahlbar bis
delivered: Lieferdatum | Leistungsdatum
ordered: Bestelldatum | Bestellt am
customer: Kundennummer | Kunden-Nr.
note: Lieferschein | Lieferschein-Nr.
project: Projekt | Projekt-Nr.
contract: Vertragsnr. | Vertrag
terms: Zahlungsbedingungen | Zahlung
days: {n} Tage netto | {n} Tage
contact: Ansprechpartner | Bearbeiter
page: Seite {a} von {b} | Seite {a}/{b}
phone: Tel. | Telefon
vat_id: USt-IdNr. | Steuernummer
currency: Währung
amounts_in: Alle Beträge in {c} | Preise in {c}
thanks: Vielen Dank für Ihren Auftrag! | Vielen Dank!
slogan: Meisterbetrieb seit {y} | Familienbetrieb seit {y}
subject: Betreff | Betr.
goods: Leiter | Regal Eiche | Beratung | Kupferrohr | Toner | Anfahrt | Bremsbeläge | Kaffee | Montage | Fliesen
open: Sehr geehrte Damen und Herren,/anbei unsere Rechnung[ Nr. {inv}][ vom {date}][ zu Ihrer Bestellung {order}].
open: Guten Tag,/wir berechnen Ihnen[ zu Ihrer Bestellung {order}] mit Rechnung[ {inv}][ vom {date}] wie folgt.
pay: Der Gesamtbetrag von {total} ist bis {due} zahlbar. | Bitte überweisen Sie {total} bis zum {due}.
pay: Rechnungsbetrag: {total}[ (netto {net})].
nopay: Zahlbar bis {due}.
extra: Ihre Kundennummer: {customer}. | Geliefert wurde am {delivered}.
close: Mit freundlichen Grüßen[/{vendor}] | Freundliche Grüße/Buchhaltung[/{vendor}]
"""

_FR = """
title: Facture | Facture | Facture client
vendor: De | Fournisseur | Vendeur
buyer: Client | Facturé à | Adressé à
invoice: Facture n° | N° de facture | Numéro de facture | N° facture
receipt: Ticket n° | Reçu n°
order: Commande n° | N° de commande | Votre commande | Bon de commande
date: Date | Date de facture | Date d'émission | Émise le
total: Total TTC | Montant TTC | Net à payer | Total à payer
gross: Total TTC | Montant TTC
net: Total HT | Montant HT
vat: TVA {r}% | TVA {r} %
vat_in: dont TVA {r}% | TVA {r} % incluse
shipping: Frais de port | Livraison
deposit: Acompte versé | Acompte reçu
balance: Solde restant | Reste après acompte
cash: Espèces | Reçu
change: Rendu | Monnaie rendue
due: Échéance | À régler avant le
delivered: Date de livraison | Livré le
ordered: Date de commande | Commandé le
customer: N° client | Code client
note: Bon de livraison | BL n°
project: Projet | Chantier
contract: Contrat n° | Contrat
terms: Conditions | Règlement
days: {n} jours | à {n} jours
contact: Contact | Suivi par
page: Page {a} sur {b} | Page {a}/{b}
phone: Tél. | Tél
vat_id: N° TVA | SIRET
currency: Devise
amounts_in: Montants en {c} | Prix en {c}
thanks: Merci de votre confiance ! | Merci !
slogan: Artisan depuis {y} | À votre service depuis {y}
subject: Objet | Sujet
goods: Échelle | Étagère chêne | Conseil | Tube cuivre | Encre | Déplacement | Plaquettes | Café | Peinture
open: Madame, Monsieur,/veuillez trouver ci-joint notre facture[ n° {inv}][ du {date}][ pour votre commande {order}].
open: Bonjour,/voici la facture[ {inv}][ datée du {date}][ (commande {order})].
pay: Le montant total de {total} est à régler avant le {due}. | Merci de virer {total} avant le {due}.
pay: Net à payer : {total}[ (HT {net})].
nopay: À régler avant le {due}.
extra: Votre n° client : {customer}. | Livraison effectuée le {delivered}.
close: Cordialement,[/{vendor}] | Bien à vous,/Service comptabilité[/{vendor}]
"""

_ES = """
title: Factura | Factura | Factura de venta
vendor: De | Proveedor | Vendedor
buyer: Cliente | Facturar a | Comprador
invoice: Factura n.º | Nº factura | Número de factura | Factura
receipt: Ticket nº | Recibo nº
order: Pedido | Nº pedido | Su pedido | Número de pedido
date: Fecha | Fecha de factura | Fecha de emisión | Emitida el
total: Total | Total factura | Importe total | Total a pagar
gross: Total factura | Importe total
net: Subtotal | Base imponible
vat: IVA {r}% | IVA ({r} %)
vat_in: IVA {r}% incluido | incl. IVA {r} %
shipping: Gastos de envío | Portes
deposit: Anticipo recibido | Señal pagada
balance: Saldo restante | Resto tras anticipo
cash: Efectivo | En efectivo
change: Cambio | Vuelto
due: Vencimiento | Pagar antes del
delivered: Fecha de entrega | Entregado el
ordered: Fecha de pedido | Pedido el
customer: Nº cliente | Código cliente
note: Albarán | Nº albarán
project: Proyecto | Obra
contract: Contrato | Nº contrato
terms: Forma de pago | Condiciones
days: {n} días | a {n} días
contact: Contacto | Atendido por
page: Página {a} de {b} | Pág. {a}/{b}
phone: Tel. | Teléfono
vat_id: NIF | CIF
currency: Moneda | Divisa
amounts_in: Importes en {c} | Precios en {c}
thanks: ¡Gracias por su confianza! | Gracias
slogan: Desde {y} | Calidad desde {y}
subject: Asunto | Ref.
goods: Escalera | Estante | Asesoría | Tubo de cobre | Tinta | Desplazamiento | Pastillas | Café | Pintura
open: Estimados señores:/adjuntamos nuestra factura[ n.º {inv}][ de fecha {date}][ por su pedido {order}].
open: Hola,/aquí tiene la factura[ {inv}][ del {date}][ (pedido {order})].
pay: El importe total de {total} vence el {due}. | Rogamos transferir {total} antes del {due}.
pay: Total a pagar: {total}[ (base {net})].
nopay: Vence el {due}.
extra: Su número de cliente es {customer}. | La entrega se hizo el {delivered}.
close: Un saludo,[/{vendor}] | Atentamente,/Contabilidad[/{vendor}]
"""


def _table(rows: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for row in rows.strip().splitlines():
        key, wordings = row.split(": ", 1)
        table[key] = table.get(key, ()) + tuple(wordings.split(" | "))
    return table


LABELS = {
    "en": _table(_EN),
    "de": _table(_DE),
    "fr": _table(_FR),
    "es": _table(_ES),
}
