"""In which encoding a file is taken to be: real names of many languages, in each encoding their files come in."""

import io
import json
import time
from html import unescape

import pytest
from django.core.management import call_command
from django.urls import reverse

from leads.importing import encoding, reader
from leads.importing.encoding import CHOICES, find_encoding, label, recognise
from tests.importing.samples import text

WEST = ("cp1252", "latin-1", "iso8859-15", "mac_roman", "cp850")
CENTRAL = ("cp1250", "iso8859-2", "cp852")
CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866")
PEOPLE = {
    "Turkish": (
        ("cp1254", "iso8859-9"),
        "Şükrü Yıldız,İstanbul;Gülşen Çağlar,Eskişehir;Uğur Işık,Muğla;Ayşe Öztürk,Diyarbakır;İbrahim Şahin,Kırşehir;"
        "Çiğdem Güneş,Şanlıurfa;Tuğba Aydın,İzmir;Hüseyin Kılıç,Balıkesir;Özgür Doğan,Iğdır",
    ),
    "Polish": (
        CENTRAL,
        "Łukasz Żółć,Łódź;Małgorzata Wiśniewska,Gdańsk;Paweł Dąbrowski,Kraków;Agnieszka Wójcik,Poznań;Grzegorz Brzęczyszczykiewicz,"
        "Łękołody;Stanisław Zieliński,Wrocław;Żaneta Kamińska,Rzeszów;Błażej Śliwa,Toruń;Józef Ćwik,Świdnica",
    ),
    "Czech": (
        CENTRAL,
        "Jiří Dvořák,Plzeň;Markéta Černá,Třebíč;Tomáš Novotný,Žďár nad Sázavou;Lukáš Procházka,Děčín;Zdeněk Kučera,Ústí nad Labem;"
        "Růžena Veselá,České Budějovice;Ondřej Šťastný,Mladá Boleslav;Kateřina Němcová,Olomouc;Vítězslav Beneš,Příbram",
    ),
    "Hungarian": (
        CENTRAL,
        "Szőke Dezső,Győr;Nagy Győző,Kőszeg;Tóth Zsófia,Nyíregyháza;Kovács Erzsébet,Székesfehérvár;Szűcs Béla,Békéscsaba;"
        "Fűrész Jenő,Gödöllő;Horváth Ágnes,Pécs;Kőműves Lőrinc,Érd;Varga Ödön,Mezőkövesd",
    ),
    "German": (
        WEST,
        "Jürgen Müller,Köln;Käthe Weiß,München;Björn Schröder,Düsseldorf;Günther Groß,Nürnberg;Jörg Schäfer,Lübeck;"
        "Ännchen Böhm,Göttingen;Sören Krämer,Würzburg;Ulrich Fröhlich,Saarbrücken;Heike Strauß,Tübingen",
    ),
    "French": (
        WEST,
        "François Lefèvre,Besançon;Hélène Gérard,Nîmes;Anaïs Crépin,Orléans;Benoît Château,Béziers;Zoé Forêt,Angoulême;"
        "Jérôme Dubœuf,Évry;Gaël Prévôt,Sète;Noëlle Garçon,Mâcon;Thérèse Bézier,Saint-Étienne",
    ),
    "Spanish": (
        WEST,
        "José Muñoz,Málaga;María Ibáñez,León;Begoña Núñez,Córdoba;Andrés Gómez,Logroño;Íñigo Peña,Cádiz;Sofía Martínez,Jaén;"
        "Raúl Jiménez,Ávila;Ángel Castaño,A Coruña;Inés López,Mérida",
    ),
    "Portuguese": (
        WEST,
        "João Gonçalves,São Paulo;Conceição Simões,Guimarães;Antônio Magalhães,Brasília;Inês Falcão,Évora;Lívia Araújo,Maceió;"
        "Sebastião Brandão,Camaçari;Estêvão Leitão,Viseu;Mônica Assunção,Goiânia;Vitória Camões,Covilhã",
    ),
    "Swedish": (
        WEST,
        "Åsa Sjöberg,Malmö;Göran Åkesson,Västerås;Märta Öberg,Jönköping;Björn Källström,Gävle;Sören Nyström,Umeå;"
        "Håkan Lindström,Örebro;Anna Höglund,Luleå;Pär Månsson,Borås;Börje Ängström,Växjö",
    ),
    "Russian": (
        CYRILLIC,
        "Алексей Соколов,Москва;Наталья Кузнецова,Новосибирск;Дмитрий Щербаков,Екатеринбург;Юлия Жукова,Нижний Новгород;"
        "Сергей Ершов,Челябинск;Ольга Цветкова,Ярославль;Фёдор Орлов,Тверь;Екатерина Зайцева,Омск;Игорь Эйхман,Уфа",
    ),
    "Greek": (
        ("cp1253", "iso8859-7"),
        "Γιώργος Παπαδόπουλος,Αθήνα;Ελένη Κωνσταντίνου,Θεσσαλονίκη;Δημήτρης Οικονόμου,Πάτρα;Άννα Βασιλείου,Ηράκλειο;"
        "Νίκος Αγγελόπουλος,Λάρισα;Χρήστος Μακρής,Βόλος;Μαρία Ζωγράφου,Ρόδος;Ξένια Ψαρού,Καβάλα;Φώτης Θεοδώρου,Τρίκαλα",
    ),
    "Japanese": (
        ("shift_jis", "cp932", "euc_jp"),
        "山田太郎,東京都千代田区;佐藤花子,大阪市北区;鈴木一郎,株式会社ヤマト;高橋美咲,横浜市;渡辺健,名古屋市中区;小林さくら,"
        "札幌市;加藤翔太,福岡県;伊藤直樹,京都府;松本恵子,営業部",
    ),
}  # fmt: skip
CASES = [pytest.param(people, codec, id=f"{name}-{codec}") for name, (codecs, people) in PEOPLE.items() for codec in codecs]


def read(rows, codec):
    content = ("name,city,size\n" + "\n".join(rows) + "\n").encode(codec, "ignore")
    file = io.BytesIO(content)
    return content.decode(find_encoding(file)), content.decode(codec)


@pytest.mark.parametrize(("people", "codec"), CASES)
def test_hundreds_of_rows_are_read_as_they_were_written(people, codec):
    names = people.split(";")
    found, written = read([f"{names[n % len(names)]},{n}" for n in range(300)], codec)
    assert found == written


@pytest.mark.parametrize(("people", "codec"), CASES)
def test_three_rows_are_enough(people, codec):
    names = people.split(";")
    for first in range(0, len(names), 3):
        found, written = read([f"{name},{n}" for n, name in enumerate(names[first : first + 3])], codec)
        assert found == written


@pytest.mark.parametrize(
    ("words", "codec"),
    [
        ("O’Brien", "cp1252"),
        ("“good”,€5", "cp1252"),
        ("L’Oréal – Paris", "cp1252"),
        ("20 °C,5 µm,½ day,£5,© Müller", "cp1252"),
        ("JOSÉ MUÑOZ", "cp1252"),
        ("Œuvré,99 €", "iso8859-15"),
        ("Þór Guðmundsson,Ísafjörður", "cp1252"),
        ("Jānis Bērziņš,Rīga", "cp1257"),
        ("Rūta Žukauskienė,Šiauliai", "cp1257"),
        ("Олена Ковальчук,Київ;Їжакевич", "koi8-u"),
        ("Nguyê\u0303n Văn Đư\u0301c,Hà Nô\u0323i", "cp1258"),
        ("王小明,上海市浦东新区", "gb18030"),
        ("陳淑芬,臺北市中正區", "big5"),
        ("김민수,서울특별시 강남구", "euc_kr"),
        ("מיכל כהן,ירושלים;דוד לוי,תל אביב", "cp1255"),
        ("محمد علي,القاهرة", "cp1256"),
        ("สมชาย ใจดี,กรุงเทพ", "cp874"),
    ],
)
def test_signs_and_other_scripts_in_a_single_row(words, codec):
    found, written = read([words], codec)
    assert found == written


@pytest.mark.parametrize("codec", ["ascii", "utf-8", "utf-8-sig", "utf-16"])
def test_what_the_bytes_prove_is_no_guess(codec):
    name = "Ivy Okafor" if codec == "ascii" else "Łukasz Şükrü"
    found = recognise(io.BytesIO(f"name,city\n{name},x\n".encode(codec)))
    assert found.encoding == ("utf-8" if codec == "ascii" else codec)
    assert (found.is_guess, found.readings) == (False, ())


def test_a_guess_shows_how_its_words_read_and_how_they_would_read_otherwise():
    found = recognise(io.BytesIO("name,city\nŞükrü,Muğla\nAyşe,Ordu\n".encode("cp1254")))
    assert found.is_guess
    assert found.readings[0] == ("cp1254", "Şükrü · Muğla · Ayşe")
    assert ("cp1252", "Þükrü · Muðla · Ayþe") in found.readings
    assert len({words for _, words in found.readings}) == len(found.readings) <= encoding.MOST_READINGS


def test_what_is_said_is_no_guess():
    assert not recognise(io.BytesIO("a,b\nż,ł\n".encode("iso8859-2")), "iso8859-2").is_guess


def test_the_layout_keeps_the_guess_and_an_older_one_has_none():
    layout = reader.inspect(text("name,city\nŁukasz,Łódź\n", "cp1250"))
    assert layout.readings[0] == ("cp1250", "Łukasz · Łódź")
    assert reader.Layout.from_json(layout.as_json()) == layout
    stored = layout.as_json()
    del stored["readings"]
    assert reader.Layout.from_json(stored).readings == ()


def test_every_choice_is_a_codec_with_a_name_and_reads_what_it_wrote():
    assert {"iso8859-2", "iso8859-15", "cp850", "cp437", "mac_roman", "koi8-r", "euc_jp", "cp1254", "cp1257"} <= set(CHOICES)
    assert len({label(codec) for codec in CHOICES}) == len(CHOICES)
    for codec in CHOICES:
        assert find_encoding(io.BytesIO("a,b\nx,y\n".encode(codec)), codec).startswith(codec)


def test_a_letter_late_in_a_large_file_is_seen_and_the_guess_costs_next_to_nothing():
    plain = b"Ivy Okafor,Oslo,12345678\n" * 800_000
    began = time.perf_counter()
    find_encoding(io.BytesIO(plain))
    without = time.perf_counter() - began
    late = plain + "Łukasz Żółć,Łódź\nPaweł Dąbrowski,Gdańsk\n".encode("cp1250")
    began = time.perf_counter()
    assert find_encoding(io.BytesIO(late)) == "cp1250"
    assert time.perf_counter() - began < without * 4 + 0.5
    dense = "Łukasz Żółć,Łódź,Świętokrzyskie\n".encode("cp1250") * 600_000
    began = time.perf_counter()
    assert find_encoding(io.BytesIO(dense)) == "cp1250"
    assert time.perf_counter() - began < without * 20 + 1


@pytest.mark.django_db
class TestWhoeverImports:
    """A guess is shown, with words to judge it by, before anything is stored."""

    def test_the_columns_page_opens_how_a_guessed_file_was_read(self, client_of, ops, upload):
        browser = client_of(ops)
        run = upload("Email,Name\na@n.test,Şükrü\nb@n.test,Ayşe\n".encode("cp1254"))
        shown = unescape(browser.get(reverse("admin:import-columns", args=[run.pk])).content.decode())
        assert 'id="import-reading" open' in shown
        assert "Şükrü · Ayşe" in shown
        assert "Þükrü · Ayþe" in shown
        assert "Turkish (Windows 1254)" in shown
        assert shown.index('id="import-reading"') < shown.index('id="import-columns"')
        browser.post(reverse("admin:import-reread", args=[run.pk]), {"encoding": "cp1254", "delimiter": ",", "header_line": "1"})
        shown = unescape(browser.get(reverse("admin:import-columns", args=[run.pk])).content.decode())
        assert 'id="import-reading" open' not in shown
        assert "Þükrü" not in shown

    def test_it_stays_closed_for_unicode(self, client_of, ops, upload):
        browser = client_of(ops)
        run = upload("Email,Name\na@n.test,Şükrü\n".encode())
        assert 'id="import-reading" open' not in browser.get(reverse("admin:import-columns", args=[run.pk])).content.decode()

    @pytest.mark.parametrize("codec", ["cp1254", "utf-8"])
    def test_the_command_line_says_which_encoding_it_took(self, tmp_path, capsys, codec):
        path = tmp_path / "leads.csv"
        path.write_bytes("Email,Last Name\na@n.test,Şükrü\n".encode(codec))
        call_command("import_leads", str(path), "--no-score")
        said = capsys.readouterr().out
        assert ("Read as Turkish (Windows 1254), a guess: Şükrü" in said) == (codec == "cp1254")
        assert "1 created" in said
        call_command("import_leads", str(path), "--no-score", "--json")
        told = capsys.readouterr()
        assert json.loads(told.out)["received"] == 1
        assert ("Windows 1254" in told.err) == (codec == "cp1254")
        call_command("import_leads", str(path), "--no-score", "--encoding", codec)
        assert "a guess" not in capsys.readouterr().out
