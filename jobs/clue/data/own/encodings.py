"""Which encoding a text file has: what its first bytes say, else the one that fits all of it and reads like a language.

Bytes of EUC-KR, EUC-JP or KOI8-R are GB18030 too, and then mean other characters. So a guess must read like Chinese
(some four hundred characters make up half of any Chinese text), Japanese (kana) or Korean (hangul); where two
readings are likely or none is, the encoding is asked for.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from pathlib import Path
from typing import IO, cast

from jobs.cli import InputError

BLOCK = 1 << 20
DAMAGE = (OSError, EOFError, zlib.error)
"""what reading a damaged file raises"""
JUDGED = 20_000
"""characters from which a guess is judged"""
LOOKED_AT = 64
"""blocks from which an encoding is told; what does not fit later is refused when it is read"""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CHINESE = ("gb18030", "big5", "cp950")
"""tried where a file is not UTF-8; GB18030 contains GBK and GB2312, cp950 is Big5 with a few more characters"""
JAPANESE, KOREAN = ("euc_jp", "cp932"), ("cp949",)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_KANA, _HANGUL = re.compile(r"[\u3041-\u30fa]"), re.compile(r"[\uac00-\ud7a3]")
LEAST_COMMON = 0.5
"""share of frequent characters from which a guess is believed: Chinese text has more than 0.9, a wrong one below 0.4"""
LEAST_VERY_COMMON, LEAST_DIFFERENT = 0.15, 15
"""share of the most frequent characters in Chinese text (usually half; 0.05 in what is none), where there are this many
different letters to judge by"""
LEAST_KANA, LEAST_HANGUL = 0.2, 0.9
VERY_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点"
    "正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿"
    "原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德"
    "资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交"
    "规万取拉格望觉术领共确传师观清今切院让识候带导争运快买店价差客户退款单用请用号钱服务车房网影视频游戏股手机公司"
    "這個們來國說時會對過後裡樣種當動還進開從實無與長機點業間問發經現學見產關話場員電體變數務總報應題聽書萬設記邊該讓認頭買賣單號錢"
)


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzipped.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The file as text; line ends stay as they are."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


def check_name(encoding: str) -> str:
    """The name of an encoding, if Python knows it.

    Raises:
        InputError: otherwise.
    """
    try:
        "".encode(encoding).decode(encoding)  # what is known but no encoding of text (base64) is refused here too
    except (LookupError, ValueError):
        raise InputError(
            f"encoding {encoding!r} is not known (usual ones: utf-8, gbk, gb18030, utf-16, big5)"
        ) from None
    return encoding


def detect(path: Path) -> tuple[str, bool]:
    """Name of the encoding, and whether it is a guess.

    Raises:
        InputError: if none is likely, or two are.
    """
    start = _start(path)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name, False
    if 0 in start:  # UTF-16 without a mark: one byte of every line end and digit is zero; no other text has such bytes
        likely = _likeliest(path, start, ("utf-16-le", "utf-16-be"))
    elif _fits(path, "utf-8"):
        return "utf-8", False
    else:
        likely = _likeliest(path, start, CHINESE)
        for other, sign, least in ((JAPANESE, _KANA, LEAST_KANA), (KOREAN, _HANGUL, LEAST_HANGUL)):
            likely += [name for name in other if _fits(path, name) and _share(start, name, sign) >= least][:1]
    if not likely and 0 in start and _fits(path, "utf-8"):
        raise InputError(f"{path}: a zero byte at {start.index(0)}, which no text has; take it out")
    if len(likely) != 1:
        found = f"it may be {' or '.join(likely)}" if likely else "neither UTF-8 nor GB18030"
        raise InputError(f'{path}: {found}; name its encoding (encoding = "{(likely or ["..."])[0]}")')
    return likely[0], True


def _start(path: Path) -> bytes:
    try:
        with open_bytes(path) as file:
            return file.read(BLOCK)
    except DAMAGE as error:
        raise InputError(f"{path}: damaged ({error})") from error


def _likeliest(path: Path, start: bytes, names: tuple[str, ...]) -> list[str]:
    """The one of several encodings in which the text reads most like Chinese, if it does in any."""
    shares = {name: _chinese(start.decode(name, "ignore")) for name in names if _fits(path, name)}
    best = max(shares, key=lambda name: shares[name], default="")
    return [best] if best and shares[best] > 0 else []


def _share(start: bytes, encoding: str, sign: re.Pattern[str]) -> float:
    """Share of one script in the letters beyond ASCII."""
    letters = _letters(start.decode(encoding, "ignore"))
    return sum(sign.match(char) is not None for char in letters) / max(1, len(letters))


def _letters(text: str) -> list[str]:
    return [char for char in text[:JUDGED] if char > "\x7f" and char.isalpha()]


def _chinese(text: str) -> float:
    """How much a text reads like Chinese, by the shares of frequent characters; 0 if it does not."""
    letters = _letters(text)
    if _CONTROLS.search(text):
        return 0.0
    if not letters:
        return 1.0
    common = sum(map(_is_frequent, letters)) / len(letters)
    very_common = sum(char in VERY_COMMON for char in letters) / len(letters)
    if common < LEAST_COMMON or (len(set(letters)) >= LEAST_DIFFERENT and very_common < LEAST_VERY_COMMON):
        return 0.0
    return common + very_common


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_bytes(path) as file:
            for _ in range(LOOKED_AT):
                block = file.read(BLOCK)
                decoder.decode(block, final=not block)
                if not block:
                    break
    except UnicodeDecodeError:
        return False
    except DAMAGE as error:
        raise InputError(f"{path}: damaged ({error})") from error
    return True


def _is_frequent(char: str) -> bool:
    """Whether it is of the first level of GB 2312 (3,755 characters) or of Big5 (5,401)."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        code = char.encode(encoding, "ignore")
        if len(code) == 2 and first <= code[0] <= last:
            return True
    return False
