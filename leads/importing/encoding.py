"""In which encoding a file of text is written.

The whole file is read once, in pieces, so that a bad byte is found before the first row is.
"""

import codecs
import re
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from charset_normalizer import from_bytes

from leads.importing.alphabets import ENCODINGS
from leads.importing.likely import UNLIKELY, readings
from leads.importing.limits import FileRefused

PIECE = 1 << 20
SAMPLE = 256 * 1024  # of lines beyond ASCII, from the first on
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LABELS = {
    **{encoding.codec: encoding.label for encoding in ENCODINGS},
    "utf-8-sig": "UTF-8 with mark",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
}
CHOICES = tuple(encoding.codec for encoding in ENCODINGS)
MOST_WORDS = 6
MOST_READINGS = 4


@dataclass(frozen=True, slots=True)
class Found:
    """The encoding a file is read in.

    `is_guess` when the bytes do not prove it (as a mark or UTF-8 does) and nobody said so; then `readings` are the words
    beyond ASCII as they read in it and, after it, in the next likely encodings that read them otherwise: (codec, words).
    """

    encoding: str
    is_guess: bool = False
    readings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over the bytes found: the first NUL, the first byte that is not UTF-8, lines beyond ASCII to judge by."""

    nul_line: int
    not_utf8_line: int
    high_lines: bytes


def label(encoding: str) -> str:
    """The encoding's name as people know it."""
    return LABELS.get(encoding, encoding.replace("_", "-").upper())


def find_encoding(file: BinaryIO, wanted: str = "") -> str:
    """The codec that reads every byte of `file`, see `recognise`."""
    return recognise(file, wanted).encoding


def recognise(file: BinaryIO, wanted: str = "") -> Found:
    """The codec that reads every byte of `file`, and whether that is a guess; FileRefused naming the line that none reads.

    `wanted` is taken when it can be.
    """
    file.seek(0)
    head = file.read(4096)
    if not head:
        raise FileRefused(
            "empty_file", "The file is empty: it holds no bytes at all.", expected="a header line and at least one row"
        )
    found = next((codec for bom, codec in BOMS if head.startswith(bom)), "") or _wide_without_mark(head)
    if found.startswith(("utf-16", "utf-32")):
        _read_all(file, found)
        return Found(found)
    scan = _scan(file)
    if scan.nul_line:
        raise FileRefused(
            "nul_bytes",
            f"Line {scan.nul_line} holds a NUL byte, which no text has. The file is damaged or not a text file.",
            line=scan.nul_line,
        )
    if wanted:
        _read_all(file, wanted)
        return Found(wanted)
    if not scan.not_utf8_line:
        return Found(found or "utf-8")
    if found == "utf-8-sig" or _is_mostly_utf8(scan.high_lines):
        raise _undecodable(scan.not_utf8_line, "utf-8")
    guess = _guess(scan.high_lines)
    _read_all(file, guess.encoding)
    return guess


def _scan(file: BinaryIO) -> Scan:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = nul_line = bad_line = 0
    high: list[bytes] = []
    high_size = 0
    while piece := file.read(PIECE):
        if not nul_line and (at := piece.find(b"\0")) >= 0:
            nul_line = lines + piece.count(b"\n", 0, at) + 1
        if not bad_line:
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                bad_line = lines + piece.count(b"\n", 0, max(error.start - pending, 0)) + 1
        if high_size < SAMPLE and not piece.isascii():
            for line in piece.splitlines():
                if not line.isascii():
                    high.append(line[:1000])
                    high_size += len(high[-1])
                    if high_size >= SAMPLE:
                        break
        lines += piece.count(b"\n")
    if not bad_line:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            bad_line = lines + 1
    return Scan(nul_line=nul_line, not_utf8_line=bad_line, high_lines=b"\n".join(high))


def _wide_without_mark(head: bytes) -> str:
    """UTF-16 that came without its mark shows as a NUL in every other byte."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half >= 4 and odd > half * 0.4 and even <= half * 0.05:
        return "utf-16-le"
    if half >= 4 and even > half * 0.4 and odd <= half * 0.05:
        return "utf-16-be"
    return ""


def _read_all(file: BinaryIO, encoding: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError as error:
        raise FileRefused("unknown_encoding", f"There is no encoding named {encoding!r}.", expected=", ".join(CHOICES)) from error
    file.seek(0)
    lines = 0
    done = False
    while not done:
        piece = file.read(PIECE)
        done = not piece
        try:
            text = decoder.decode(piece, final=done)
        except UnicodeDecodeError as error:
            # What was decoded before the bad byte is lost with the error; decode it again to count its lines.
            before = error.object[: error.start].decode(encoding, errors="replace").count("\n")
            raise _undecodable(lines + before + 1, encoding) from error
        if "\0" in text:
            line = lines + text.count("\n", 0, text.index("\0")) + 1
            raise FileRefused(
                "nul_bytes", f"Line {line} holds a NUL character, which no text has. The file is damaged.", line=line
            )
        lines += text.count("\n")


def _undecodable(line: int, encoding: str) -> FileRefused:
    return FileRefused(
        "undecodable",
        f"Line {line} holds bytes that are not {label(encoding)}. Save the file again as UTF-8, or choose its encoding.",
        line=line,
        expected=label(encoding),
    )


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether the text beyond ASCII is UTF-8 with some damage rather than another encoding."""
    good = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", sample))
    rest = re.sub(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", b"", sample)
    bad = sum(byte >= 0x80 for byte in rest)
    return good > bad


def _guess(sample: bytes) -> Found:
    """The likeliest of the usual encodings, else what charset-normalizer finds; `sample` is lines beyond ASCII."""
    likely = readings(sample)
    codecs = [reading.encoding.codec for reading in likely]
    if not likely or likely[0].mean < UNLIKELY:
        best = from_bytes(sample).best()
        if best is not None:
            codecs.insert(0, best.encoding)
    codecs = codecs or ["cp1252"]
    shown: dict[str, str] = {}
    for codec in codecs[:12]:
        words = _words(sample, codec)
        if words and words not in shown.values():
            shown.setdefault(codec, words)
    return Found(codecs[0], is_guess=True, readings=tuple(islice(shown.items(), MOST_READINGS)))


def _words(sample: bytes, codec: str) -> str:
    """The first different words beyond ASCII of a sample, as they read in `codec`."""
    text = sample[: 16 * 1024].decode(codec, errors="replace")
    found = (match[0] for match in re.finditer(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", text))
    words = " · ".join(islice(dict.fromkeys(word[:40] for word in found), MOST_WORDS))
    return "".join(char if char.isprintable() else "\ufffd" for char in words)
