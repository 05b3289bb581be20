"""What invoices call things, in nine languages: `LABELS[language][key]` is a tuple of wordings.

Knows nothing of values, layouts or which part a wording is used in. Prose rows hold whole sentences: a group in
square brackets is dropped when one of its slots has no value, and "/" stands for a line break.
"""

from __future__ import annotations

from . import _labels_more

_EN = """
title: Invoice | Tax invoice | Sales invoice
vendor: From | Supplier | Vendor | Seller | Issued by
buyer: Bill to | Customer | Invoice to | Sold to | Buyer | Ship to
invoice: Invoice no. | Invoice number | Invoice # | Inv. no. | Invoice | Document no. | Bill no.
receipt: Receipt no. | Receipt | Receipt #
order: PO | PO number | Purchase order | Order no. | Your order | P.O. no. | Customer PO | Order ref.
date: Date | Invoice date | Date of issue | Issued | Issued on | Dated
total: Total | Grand total | Invoice total | Total incl. VAT | Gross total | Total due | Amount due | Please pay
gross: Invoice total | Gross total | Grand total
net: Subtotal | Net amount | Net | Total net | Sub-total | Total excl. VAT
vat: VAT {r}% | VAT ({r} %) | plus {r}% VAT | VAT @ {r}%
vat_in: incl. VAT {r}% | of which {r}% VAT | VAT {r}% included
shipping: Shipping | Delivery charge | Carriage | Freight
deposit: Deposit paid | Less deposit
balance: Remaining balance | Balance after deposit
cash: Cash | Tendered
change: Change
due: Due date | Payment due | Due | Pay by
delivered: Delivery date | Delivered | Service date | Date of supply
ordered: Order date | Ordered on
customer: Customer no. | Account no. | Customer ID
note: Delivery note | Delivery note no.
project: Project no. | Project | Job no.
contract: Contract no. | Contract
terms: Terms | Payment terms
days: {n} days | net {n} days
contact: Contact | Your contact | Clerk
page: Page {a} of {b} | Page {a}/{b}
phone: Tel | Phone
vat_id: VAT ID | VAT reg. no.
currency: Currency
amounts_in: All amounts in {c} | Prices in {c}
thanks: Thank you for your business! | Thank you! | Please quote our number when paying. | Goods remain our property.
slogan: Quality since {y} | Family business since {y} | Established {y}
subject: Subject | Re
goods: Ladder | Oak shelf | Consulting | Copper pipe | Printer ink | Site visit | Brake pads | Coffee | Hosting
open: Dear Sir or Madam,/please find attached our invoice[ no. {inv}][ dated {date}][ for your order {order}].
open: Hello,/here is invoice[ {inv}][ of {date}][ (your PO {order})].
open: Thank you for your order[ {order}]. Our invoice[ {inv}] was issued[ on {date}].
open: Dear customer,/for your purchase order[ {order}] we enclose invoice[ number {inv}][, issued {date}].
pay: The total of {total} is payable by {due}. | Please transfer {total} by {due}. | Amount due: {total}[ (net {net})].
pay: [Net {net}, VAT {vat}, ]total to pay {total}. | The invoice comes to {total}[, of which {vat} is VAT].
nopay: Payment is due by {due}. | [The net amount is {net}. ]Please pay within 14 days.
extra: Your customer number is {customer}. | The goods left us on {delivered}. | Delivery note: {note}.
close: Kind regards[/{vendor}] | Yours sincerely,/Accounts department[/{vendor}] | Best wishes,[/{vendor}]
"""

_DE = """
title: Rechnung | Rechnung | Ausgangsrechnung
vendor: Von | Lieferant | Rechnungssteller | Verkäufer | Absender
buyer: An | Kunde | Rechnungsempfänger | Rechnung an | Käufer
invoice: Rechnungsnummer | Rechnungs-Nr. | Rechnung Nr. | Rg.-Nr. | Belegnummer | Re.-Nr. | Rechnung
receipt: Bon-Nr. | Beleg-Nr. | Quittung Nr.
order: Bestellnummer | Ihre Bestellung | Bestell-Nr. | Ihre Bestellnr. | Bestellung | Ihre Best.-Nr.
date: Datum | Rechnungsdatum | Belegdatum | Ausgestellt am | Rg.-Datum
total: Gesamtbetrag | Rechnungsbetrag | Bruttobetrag | Endbetrag | Zu zahlen | Summe brutto | Gesamt inkl. MwSt
gross: Rechnungsbetrag | Bruttobetrag | Summe brutto
net: Nettobetrag | Zwischensumme | Summe netto | Netto | Warenwert
vat: MwSt {r}% | USt. {r} % | zzgl. {r}% MwSt | Umsatzsteuer {r}%
vat_in: inkl. {r}% MwSt | enthaltene MwSt {r} % | darin USt {r}%
shipping: Versand | Versandkosten | Fracht | Porto
deposit: Anzahlung erhalten | abzgl. Anzahlung
balance: Restbetrag | Rest nach Anzahlung
cash: Bar | Gegeben
change: Rückgeld | Zurück
due: Fällig am | Zahlbar bis | Fälligkeit | Zahlungsziel
delivered: Lieferdatum | Leistungsdatum | Geliefert am
ordered: Bestelldatum | Bestellt am
customer: Kundennummer | Kunden-Nr. | Kd.-Nr.
note: Lieferschein | Lieferschein-Nr.
project: Projekt | Projekt-Nr. | Kostenstelle
contract: Vertragsnr. | Vertrag
terms: Zahlungsbedingungen | Zahlung
days: {n} Tage netto | {n} Tage
contact: Ansprechpartner | Bearbeiter | Ihr Kontakt
page: Seite {a} von {b} | Seite {a}/{b}
phone: Tel. | Telefon
vat_id: USt-IdNr. | Steuernummer
currency: Währung
amounts_in: Alle Beträge in {c} | Preise in {c}
thanks: Vielen Dank für Ihren Auftrag! | Vielen Dank! | Es gelten unsere AGB. | Zahlbar ohne Abzug.
slogan: Meisterbetrieb seit {y} | Familienbetrieb seit {y} | Ihr Partner seit {y}
subject: Betreff | Betr.
goods: Leiter | Regal Eiche | Beratung | Kupferrohr | Toner | Anfahrt | Bremsbeläge | Kaffee | Montage | Fliesen
open: Sehr geehrte Damen und Herren,/anbei unsere Rechnung[ Nr. {inv}][ vom {date}][ zu Ihrer Bestellung {order}].
open: Guten Tag,/wir berechnen Ihnen[ zu Ihrer Bestellung {order}] mit Rechnung[ {inv}][ vom {date}] wie folgt.
open: Danke für Ihre Bestellung[ {order}]. Unsere Rechnung[ {inv}] wurde[ am {date}] erstellt.
open: Hallo,/im Anhang die Rechnung[ {inv}][, Datum {date}][, Ihre Bestellnummer {order}].
pay: Der Gesamtbetrag von {total} ist bis {due} zahlbar. | Bitte überweisen Sie {total} bis zum {due}.
pay: Rechnungsbetrag: {total}[ (netto {net})]. | [Netto {net}, MwSt {vat}, ]brutto {total}. | Zu zahlen sind {total}.
nopay: Zahlbar bis {due}. | [Der Nettobetrag ist {net}. ]Bitte zahlen Sie binnen 14 Tagen.
extra: Ihre Kundennummer: {customer}. | Geliefert wurde am {delivered}. | Lieferschein {note}.
close: Mit freundlichen Grüßen[/{vendor}] | Freundliche Grüße/Buchhaltung[/{vendor}] | Beste Grüße[/{vendor}]
"""

_FR = """
title: Facture | Facture | Facture client
vendor: De | Fournisseur | Vendeur | Émetteur | Émise par
buyer: Client | Facturé à | Adressé à | Acheteur | Destinataire
invoice: Facture n° | N° de facture | Numéro de facture | N° facture | Facture | Réf. facture
receipt: Ticket n° | Reçu n°
order: Commande n° | N° de commande | Votre commande | Bon de commande | Réf. commande | Commande
date: Date | Date de facture | Date d'émission | Émise le | Le
total: Total TTC | Montant TTC | Net à payer | Total à payer | Montant total TTC | À payer
gross: Total TTC | Montant TTC | Montant total TTC
net: Total HT | Montant HT | Sous-total HT | Sous-total | Base HT
vat: TVA {r}% | TVA {r} % | TVA ({r}%)
vat_in: dont TVA {r}% | TVA {r} % incluse
shipping: Frais de port | Livraison | Transport
deposit: Acompte versé | Acompte reçu
balance: Solde restant | Reste après acompte
cash: Espèces | Reçu
change: Rendu | Monnaie rendue
due: Échéance | À régler avant le | Date d'échéance
delivered: Date de livraison | Livré le
ordered: Date de commande | Commandé le
customer: N° client | Code client | Réf. client
note: Bon de livraison | BL n°
project: Projet | Chantier | Dossier
contract: Contrat n° | Contrat
terms: Conditions | Règlement
days: {n} jours | à {n} jours
contact: Contact | Suivi par
page: Page {a} sur {b} | Page {a}/{b}
phone: Tél. | Tél
vat_id: N° TVA | SIRET
currency: Devise
amounts_in: Montants en {c} | Prix en {c}
thanks: Merci de votre confiance ! | Merci ! | Pas d'escompte pour paiement anticipé.
slogan: Artisan depuis {y} | À votre service depuis {y}
subject: Objet | Sujet
goods: Échelle | Étagère chêne | Conseil | Tube cuivre | Encre | Déplacement | Plaquettes | Café | Peinture
open: Madame, Monsieur,/veuillez trouver ci-joint notre facture[ n° {inv}][ du {date}][ pour votre commande {order}].
open: Bonjour,/voici la facture[ {inv}][ datée du {date}][ (commande {order})].
open: Merci pour votre commande[ {order}]. Notre facture[ {inv}] a été établie[ le {date}].
open: Cher client,/suite à votre commande[ {order}], nous vous adressons la facture[ n° {inv}][ en date du {date}].
pay: Le montant total de {total} est à régler avant le {due}. | Merci de virer {total} avant le {due}.
pay: Net à payer : {total}[ (HT {net})]. | [HT {net}, TVA {vat}, ]soit {total} TTC. | Total TTC : {total}.
nopay: À régler avant le {due}. | [Le montant HT est de {net}. ]Paiement sous 14 jours.
extra: Votre n° client : {customer}. | Livraison effectuée le {delivered}. | Bon de livraison {note}.
close: Cordialement,[/{vendor}] | Bien à vous,/Service comptabilité[/{vendor}] | Salutations distinguées[/{vendor}]
"""

_ES = """
title: Factura | Factura | Factura de venta
vendor: De | Proveedor | Vendedor | Emisor | Emitida por
buyer: Cliente | Facturar a | Comprador | Destinatario
invoice: Factura n.º | Nº factura | Número de factura | Factura | Nº de factura | Fra. nº
receipt: Ticket nº | Recibo nº
order: Pedido | Nº pedido | Su pedido | Número de pedido | Orden de compra | Pedido n.º
date: Fecha | Fecha de factura | Fecha de emisión | Emitida el | Fecha factura
total: Total | Total factura | Importe total | Total a pagar | Total con IVA | A pagar
gross: Total factura | Importe total | Total con IVA
net: Subtotal | Base imponible | Importe neto | Total sin IVA
vat: IVA {r}% | IVA ({r} %) | I.V.A. {r}%
vat_in: IVA {r}% incluido | incl. IVA {r} %
shipping: Gastos de envío | Portes | Transporte
deposit: Anticipo recibido | Señal pagada
balance: Saldo restante | Resto tras anticipo
cash: Efectivo | En efectivo
change: Cambio | Vuelto
due: Vencimiento | Pagar antes del | Fecha de vencimiento
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
thanks: ¡Gracias por su confianza! | Gracias | Conserve este documento.
slogan: Desde {y} | Calidad desde {y}
subject: Asunto | Ref.
goods: Escalera | Estante | Asesoría | Tubo de cobre | Tinta | Desplazamiento | Pastillas | Café | Pintura
open: Estimados señores:/adjuntamos nuestra factura[ n.º {inv}][ de fecha {date}][ por su pedido {order}].
open: Hola,/aquí tiene la factura[ {inv}][ del {date}][ (pedido {order})].
open: Gracias por su pedido[ {order}]. La factura[ {inv}] se emitió[ el {date}].
open: Buenos días:/por su pedido[ {order}] le enviamos la factura[ número {inv}][ con fecha {date}].
pay: El importe total de {total} vence el {due}. | Rogamos transferir {total} antes del {due}.
pay: Total a pagar: {total}[ (base {net})]. | [Base {net}, IVA {vat}, ]total {total}. | La factura asciende a {total}.
nopay: Vence el {due}. | [La base imponible es {net}. ]Pago a 14 días.
extra: Su número de cliente es {customer}. | La entrega se hizo el {delivered}. | Albarán {note}.
close: Un saludo,[/{vendor}] | Atentamente,/Contabilidad[/{vendor}] | Saludos cordiales[/{vendor}]
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
    "it": _table(_labels_more.IT),
    "nl": _table(_labels_more.NL),
    "pl": _table(_labels_more.PL),
    "sv": _table(_labels_more.SV),
    "cs": _table(_labels_more.CS),
}
