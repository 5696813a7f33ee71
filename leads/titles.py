"""What a job title says about rank and line of work, in English, German, French and Spanish, as data.

Words are written as `plain` makes them: small letters, no accents. `*` at an end stands for the rest of a word. The first
line of a table that fits decides, so the special stands above the general.
"""

import re
import unicodedata
from functools import lru_cache

from leads.choices import Department, Seniority
from leads.lib.folding import fold

_RANKS: tuple[tuple[Seniority, str], ...] = (
    # Who works for a rank does not hold it.
    (
        Seniority.STAFF,
        "assistant to, assistant of, executive assistant, personal assistant, assistenz, assistent der, assistentin der, "
        "assistent des, assistentin des, assistante de direction, assistant de direction, asistente de direccion, sekretar*, "
        "secretary, secretaire, secretaria, product owner, process owner, scrum master, account executive, sales executive, "
        "marketing executive, vertriebsassisten*",
    ),
    (
        Seniority.INTERN,
        "intern, interns, internship, praktikant*, praktikum, student, studentin, werkstudent*, trainee, stagiaire, becario, "
        "becaria, apprentice, azubi, auszubildend*, apprenti, alternant, alternante, practicante, etudiant, etudiante, "
        "estudiante",
    ),
    (
        Seniority.VP,
        "vp, svp, evp, avp, vice president, vice presidente, vice presidenta, vicepresidente, vicepresidenta, vizeprasident*, "
        "vizepraesident*, vice presidente",
    ),
    (
        Seniority.OWNER,
        "owner, co owner, founder, co founder, cofounder, founding partner, inhaber, inhaberin, mitinhaber*, grunder, "
        "grunderin, gruender, gruenderin, mitgrunder*, mitgruender*, gesellschafter, gesellschafterin, eigentumer*, "
        "eigentuemer*, proprietor, fondateur, fondatrice, cofondateur, cofondatrice, co fondateur, proprietaire, gerant, "
        "gerante, fundador, fundadora, cofundador, cofundadora, dueno, duena, propietario, propietaria, entrepreneur, "
        "businessman, businesswoman, self employed, selbstandig*, selbststandig*, freiberuf*, freelance*, autonomo",
    ),
    (
        Seniority.DIRECTOR,
        "chief of staff, deputy chief, head chef, chief engineer, bereichsleit*, abteilungsleit*, ressortleit*",
    ),
    (
        Seniority.MANAGER,
        "chief accountant",
    ),
    (
        Seniority.C_LEVEL,
        "ceo, cfo, cto, cmo, coo, cio, chro, cro, cso, cpo, ciso, cdo, cco, cxo, chief, managing director, general manager, "
        "president, presidente, presidenta, chairman, chairwoman, chairperson, chair of the board, board member, member of the "
        "board, geschaftsfuhr*, geschaeftsfuehr*, geschaftsleit*, geschaeftsleit*, vorstand*, vorstandin, vorstaendin, "
        "generaldirektor*, directeur general, directrice generale, pdg, dg, president directeur, director general, directora "
        "general, consejero delegado, consejera delegada, director ejecutivo, directora ejecutiva, executive director, managing "
        "partner, hauptgeschaftsfuhr*",
    ),
    (
        Seniority.MANAGER,
        "teamleit*, team leader, team lead, gruppenleit*, projektleit*, schichtleit*, filialleit*, team leiter, project lead, "
        "tech lead, lead developer, chef de projet, chef de produit, chef d equipe, jefe de equipo, jefa de equipo, jefe de "
        "proyecto, jefa de proyecto, sales director assistant",
    ),
    (
        Seniority.DIRECTOR,
        "director, directors, directora, direktor, direktorin, directeur, directrice, head, head of, leiter, leiterin, leitung, "
        "*leiter, *leiterin, *leitung, jefe de, jefa de, chef de service, chef de departement, dean, principal, prokurist, "
        "prokuristin, hauptabteilungsleit*",
    ),
    (
        Seniority.MANAGER,
        "manager, managers, mgr, *manager, *managerin, managerin, supervisor, responsable, responsables, gestionnaire, gerente, "
        "encargado, encargada, coordinador, coordinadora, lead, foreman, *meister, beauftragter, beauftragte, referatsleit*, "
        "chef, jefe, jefa, superintendent",
    ),
)

_LINES: tuple[tuple[Department, str], ...] = (
    (
        Department.SUPPORT,
        "customer service, customer support, customer success, customer care, technical support, help desk, helpdesk, support, "
        "kundendienst, kundenservice, kundenbetreu*, service client, relation client, atencion al cliente, soporte",
    ),
    (
        Department.PURCHASING,
        "purchasing, procurement, buyer, sourcing, einkauf*, beschaffung*, *einkauf, *einkaufer, *einkaeufer, achats, acheteur, "
        "acheteuse, compras, comprador, compradora",
    ),
    (
        Department.HR,
        "hr, chro, human resources, human capital, people, people operations, recruit*, talent, personal, personalleit*, "
        "personalabteilung, personalreferent*, personalwesen, rh, drh, ressources humaines, recursos humanos, rrhh",
    ),
    (
        Department.MARKETING,
        "marketing, *marketing, marketing*, cmo, demand generation, brand, growth, seo, sem, content, communications, "
        "communication, pr, public relations, kommunikation*, offentlichkeitsarbeit, werbung, mercadotecnia, mercadeo, "
        "comunicacion, publicite, social media, social",
    ),
    (
        Department.SALES,
        "sales, *sales, cro, revenue, business development, account executive, account manager, key account, sdr, bdr, "
        "vertrieb*, *vertrieb, verkauf*, aussendienst, innendienst, kundenberat*, commercial, commerciale, ventes, vendeur, "
        "vendeuse, ventas, vendedor, vendedora, comercial, desarrollo de negocio, developpement commercial",
    ),
    (
        Department.LEGAL,
        "legal, counsel, lawyer, attorney, compliance, jurist, juristin, justiziar*, recht, rechts*, datenschutz*, juridique, "
        "avocat, avocate, juridico, abogado, abogada, privacy",
    ),
    (
        Department.FINANCE,
        "finance, financial, cfo, accounting, accountant, controller, controlling, treasurer, treasury, audit, auditor, tax, "
        "buchhalt*, finanz*, rechnungswesen, steuer*, comptab*, financier, financiere, daf, contab*, finanzas, financiero, "
        "financiera, tesoreria, billing",
    ),
    (
        Department.RESEARCH,
        "research, r&d, scientist, research and development, forsch*, recherche, chercheur, chercheuse, investigacion, "
        "investigador, investigadora, data science, laboratory, labor, innovation",
    ),
    (
        Department.IT,
        "it, ict, cio, ciso, information technology, information systems, it*leit*, informatik*, edv, systemadmin*, system "
        "administrator, systems administrator, sysadmin, network, netzwerk*, infrastructure, cyber*, security, database, "
        "informatique, dsi, rssi, sistemas, informatica, tecnologias de la informacion, data",
    ),
    (
        Department.ENGINEERING,
        "engineering, engineer, engineers, cto, developer, development, devops, software, software*, architect, programmer, "
        "technology, entwickl*, *entwickler, *entwicklerin, *entwicklung, ingenieur*, *ingenieur, *ingenieurin, konstrukt*, "
        "technik*, technisch*, technique, technical, developpeur, developpeuse, ingeniero, ingeniera, desarrollador, "
        "desarrolladora, tecnico, tecnica, product, produkt*, qa, quality, qualitat*",
    ),
    (
        Department.OPERATIONS,
        "operations, operation, coo, production, produktion*, manufacturing, logistics, logistik*, supply chain, plant, "
        "werk*leit*, betrieb*, facility, fulfillment, warehouse, lager*, fertigung*, exploitation, logistique, operaciones, "
        "logistica, produccion, administration, administrativ*, office manager, verwaltung*, projektleit*, project manager, pmo",
    ),
    (
        Department.EXECUTIVE,
        "ceo, managing director, general manager, president, presidente, presidenta, founder, co founder, cofounder, owner, co "
        "owner, chairman, chairwoman, board, geschaftsfuhr*, geschaeftsfuehr*, geschaftsleit*, geschaeftsleit*, vorstand*, "
        "inhaber*, grunder*, gruender*, gesellschafter*, directeur general, directrice generale, pdg, dg, gerant, gerante, "
        "fondateur, fondatrice, director general, directora general, consejero delegado, consejera delegada, fundador, "
        "fundadora, propietario, propietaria, managing partner, partner, general management, direction, unternehmer*",
    ),
)


def plain(title: str) -> str:
    """A title for comparison: folded, without accents, one blank at each end."""
    folded = fold(title)
    if folded.isascii():
        return folded
    return "".join(char for char in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(char))


def _pattern(words: str) -> re.Pattern[str]:
    parts = (re.escape(word.strip()).replace(r"\*", "[a-z0-9]*") for word in words.split(",") if word.strip())
    return re.compile(f" (?:{'|'.join(parts)})(?= )")


_RANK_PATTERNS = tuple((rank, _pattern(words)) for rank, words in _RANKS)
_LINE_PATTERNS = tuple((line, _pattern(words)) for line, words in _LINES)


@lru_cache(maxsize=20_000)
def title(text: str) -> tuple[str, str]:
    """(seniority, department) that a job title stands for; ("", "") for a blank one. Whole words only."""
    words = plain(text)
    if not words:
        return "", ""
    rank = next((rank for rank, pattern in _RANK_PATTERNS if pattern.search(words)), Seniority.STAFF)
    line = next((line for line, pattern in _LINE_PATTERNS if pattern.search(words)), Department.OTHER)
    return rank.value, line.value
