"""WordPiece tokenisation as Chinese BERT does it, with the characters behind every token.

Every CJK character and every punctuation mark is a word of its own, other text is split at white space; words are cut
greedily into the longest pieces of the vocabulary, and a word that cannot be cut is one [UNK] (Devlin et al., 2019,
arXiv 1810.04805). With `lower` each character is lower-cased, decomposed (NFD) and freed of combining marks first.
All of this but the cutting looks at single characters, so it is done once per distinct character and remembered.
"""

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

PAD, UNK, CLS, SEP, MASK, UNUSED = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"
SPECIALS = (PAD, UNK, CLS, SEP, MASK, UNUSED)
MAX_WORD = 100
"""longer words are [UNK], as in Google's tokenizer"""

_SPACE, _WORD, _MIXED = -1, -2, -3  # what a character is when it is not one token
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one text without special tokens; token i covers the characters starts[i] to ends[i] (exclusive).

    Characters are those of the text as it came. A combining mark that folding drops belongs to the token before it.
    """

    ids: list[int]
    starts: list[int]
    ends: list[int]


class Tokenizer(Protocol):
    """What the encoders of the tasks need from a tokenizer."""

    cls_id: int
    sep_id: int
    mask_id: int
    pad_id: int
    unused_id: int
    size: int
    begin: list[int]
    """ids before a text"""
    between: list[int]
    """ids between the two texts of a pair"""
    end: list[int]
    """ids after the last text"""

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts, without special tokens."""
        ...

    def token(self, token_id: int) -> str:
        """Spelling of a token."""
        ...

    def inside_word(self, text: str, position: int) -> bool:
        """True if the characters on both sides of a position may share a word, so that cutting there adds tokens."""
        ...


def normalise(text: str, *, lower: bool = True) -> str:
    """Lower-case, decompose (NFD) and drop combining marks; the length of the text can change."""
    if not lower or text.isascii():
        return text.lower() if lower else text
    return unicodedata.normalize("NFD", text.lower()).translate(_WITHOUT_MARKS)


def find_folded(text: str, part: str) -> tuple[int, int] | None:
    """First place (start, end) in the text that reads like the part but for case and combining marks, else None."""
    at = text.find(part)
    if at >= 0:
        return at, at + len(part)
    pieces = [normalise(char) for char in text]
    owner = [position for position, piece in enumerate(pieces) for _ in piece]
    folded, wanted = "".join(pieces), "".join(map(normalise, part))
    at = folded.find(wanted) if wanted else -1
    return (owner[at], owner[at + len(wanted) - 1] + 1) if at >= 0 else None


class _WithoutMarks(dict[int, int | None]):
    """Translation table that drops combining marks; it remembers every character it has seen."""

    def __missing__(self, code: int) -> int | None:
        kept = None if unicodedata.category(chr(code)) == "Mn" else code
        self[code] = kept
        return kept


_WITHOUT_MARKS = _WithoutMarks()


def is_separate(char: str) -> bool:
    """True if the character is a word of its own: CJK or punctuation."""
    code = ord(char)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return any(low <= code <= high for low, high in _CJK) or unicodedata.category(char).startswith("P")


def is_ignored(char: str) -> bool:
    """True for characters that vanish without splitting words: controls and formats other than white space."""
    return char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf")


def build_vocabulary(
    texts: Iterable[str], *, lower: bool = True, min_count: int = 2, max_size: int = 8000
) -> list[str]:
    """Vocabulary of single characters, most frequent first, after the special tokens.

    Characters of words are also there as `##x`, so that no word of known characters is unknown.

    Args:
        texts: the training texts.
        lower: fold case and combining marks.
        min_count: rarer characters are left out.
        max_size: most entries, special tokens included.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    folded: Counter[str] = Counter()
    for char, count in counts.items():
        for piece in normalise(char, lower=lower):
            if piece.isspace() or is_ignored(piece):
                continue
            folded[piece] += count
            if not is_separate(piece):
                folded[f"##{piece}"] += count
    ranked = sorted(folded.items(), key=lambda item: (-item[1], item[0]))
    known = [token for token, count in ranked if count >= min_count]
    return [*SPECIALS, *known][:max_size]


class WordPiece:
    """BERT's tokenizer over a given vocabulary."""

    def __init__(self, vocabulary: Sequence[str], *, lower: bool = True) -> None:
        """Index the vocabulary.

        Args:
            vocabulary: one token per id, in order.
            lower: fold case and combining marks, as the uncased and Chinese models do.

        Raises:
            ValueError: if [PAD], [UNK], [CLS], [SEP] or [MASK] is missing.
        """
        self.vocabulary = list(vocabulary)
        self.lower = lower
        self.index = {token: i for i, token in enumerate(self.vocabulary)}
        missing = [token for token in SPECIALS[:5] if token not in self.index]
        if missing:
            raise ValueError(f"the vocabulary of {len(self.vocabulary)} tokens lacks {', '.join(missing)}")
        self.pad_id, self.unk_id = self.index[PAD], self.index[UNK]
        self.cls_id, self.sep_id, self.mask_id = self.index[CLS], self.index[SEP], self.index[MASK]
        self.unused_id = self.index.get(UNUSED, self.mask_id)
        self.begin, self.between, self.end = [self.cls_id], [self.sep_id], [self.sep_id]
        self.size = len(self.vocabulary)
        bare = (token.removeprefix("##") for token in self.vocabulary)
        self._longest = max((len(piece) for piece in bare if not any(map(is_separate, piece))), default=1)
        self._chars: dict[str, int] = {}
        self._folded: dict[str, str] = {}
        self._words: dict[str, tuple[tuple[int, int], ...]] = {}

    def token(self, token_id: int) -> str:
        """Spelling of a token."""
        return self.vocabulary[token_id]

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts, without special tokens."""
        return [self._encode(text) for text in texts]

    def inside_word(self, text: str, position: int) -> bool:
        """True if the characters on both sides of a position may share a word, so that cutting there adds tokens."""
        if not 0 < position < len(text):
            return False
        before, after = (self._chars.get(char) for char in text[position - 1 : position + 1])
        return before in (_WORD, _MIXED, None) and after in (_WORD, _MIXED, None)

    def _encode(self, text: str) -> Tokens:
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        chars = self._chars
        word: list[int] = []  # positions of the characters of the word being read
        marks: list[int] = []
        for position, char in enumerate(text):
            code = chars.get(char)
            if code is None:
                code = self._classify(char)
            if code == _WORD:
                word.append(position)
                continue
            if word and not (code == _MIXED and not self._folded[char]):  # an ignored character splits no word
                self._flush(text, word, ids, starts, ends)
                word = []
            if code >= 0:
                ids.append(code)
                starts.append(position)
                ends.append(position + 1)
            elif code == _MIXED:
                if not self._folded[char] and unicodedata.combining(char):
                    marks.append(position)
                for piece in self._folded[char]:
                    if not piece.isspace():
                        ids.append(self.index.get(piece, self.unk_id))
                        starts.append(position)
                        ends.append(position + 1)
        if word:
            self._flush(text, word, ids, starts, ends)
        for position in marks:
            token = bisect_left(ends, position)
            while token < len(ends) and ends[token] == position:
                ends[token] += 1
                token += 1
        return Tokens(ids, starts, ends)

    def _classify(self, char: str) -> int:
        """Remember what a character is: a token id, white space, part of a word, or something rarer."""
        pieces = "".join(c for c in normalise(char, lower=self.lower) if c.isspace() or not is_ignored(c))
        self._folded[char] = pieces
        if len(pieces) == 1 and is_separate(pieces):
            code = self.index.get(pieces, self.unk_id)
        elif pieces and all(piece.isspace() for piece in pieces):
            code = _SPACE
        elif pieces and not any(piece.isspace() or is_separate(piece) for piece in pieces):
            code = _WORD
        else:
            code = _MIXED
        self._chars[char] = code
        return code

    def _flush(self, text: str, word: list[int], ids: list[int], starts: list[int], ends: list[int]) -> None:
        """Append the pieces of the word made of the characters at the given positions."""
        folded = self._folded
        spelled = [folded[text[position]] for position in word]
        name = "".join(spelled)
        owner = word
        if len(name) != len(spelled) or "" in spelled:
            owner = [p for p, s in zip(word, spelled, strict=True) for _ in s]
        pieces = self._words.get(name)
        if pieces is None:
            pieces = self._words[name] = self._cut(name)
        begin = 0
        for token_id, length in pieces:
            ids.append(token_id)
            starts.append(owner[begin])
            ends.append(owner[begin + length - 1] + 1)
            begin += length

    def _cut(self, word: str) -> tuple[tuple[int, int], ...]:
        """Cut a word greedily into (token id, number of characters) pairs."""
        if len(word) > MAX_WORD:
            return ((self.unk_id, len(word)),)
        pieces = []
        start = 0
        while start < len(word):
            end = min(len(word), start + self._longest)
            while end > start:
                token_id = self.index.get(word[start:end] if start == 0 else f"##{word[start:end]}")
                if token_id is not None:
                    break
                end -= 1
            else:
                return ((self.unk_id, len(word)),)
            pieces.append((token_id, end - start))
            start = end
        return tuple(pieces)
