"""Tokenizers of families that bring their own rules (`tokenizer.json`), behind the interface of our WordPiece."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.text.tokenizer import Tokens
from jobs import cli


class AnyTokenizer:
    """A tokenizer of the `tokenizers` library.

    Args:
        rules: the content of its tokenizer.json.
        names: spellings of the special tokens: cls, sep, pad, mask, unk; those it lacks are left out.
        jieba: whether words are first cut by jieba (RoFormer), which tokenizer.json cannot say.
    """

    def __init__(self, rules: Mapping[str, Any], names: Mapping[str, str], *, jieba: bool = False) -> None:
        from tokenizers import Tokenizer

        self.rules, self.names, self.jieba = dict(rules), dict(names), jieba
        self._tokenizer = Tokenizer.from_str(json.dumps(self.rules))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        if jieba:
            self._tokenizer.pre_tokenizer = _jieba(self._tokenizer.get_vocab())
        self.begin, self.between, self.end = self._frame()
        self.size = max(self._tokenizer.get_vocab().values()) + 1
        self.unk_id = self._id("unk")
        self.cls_id = self._id("cls", *self.begin, *self.end[-1:])
        self.sep_id = self._id("sep", *self.end[-1:], self.cls_id)
        self.pad_id = self._id("pad", self.sep_id)
        self.mask_id = self._id("mask", self.unk_id)
        unused = self._tokenizer.token_to_id("[unused1]")
        self.unused_id = self.mask_id if unused is None else unused

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts, without special tokens; characters are those of the text as it came."""
        plain = [_without_surrogates(text) for text in texts]
        found = self._tokenizer.encode_batch(plain, add_special_tokens=False)
        return [_tokens(text, encoding) for text, encoding in zip(plain, found, strict=True)]

    def token(self, token_id: int) -> str:
        """Spelling of a token."""
        return str(self._tokenizer.id_to_token(token_id))

    def inside_word(self, text: str, position: int) -> bool:
        """True unless one of the characters on both sides of a position is white space: pieces may span any others."""
        return 0 < position < len(text) and not (text[position - 1].isspace() or text[position].isspace())

    def _id(self, name: str, *others: int) -> int:
        if name in self.names:
            found = self._tokenizer.token_to_id(self.names[name])
            if found is not None:
                return int(found)
        return next((number for number in others if number is not None), 0)

    def _frame(self) -> tuple[list[int], list[int], list[int]]:
        """Ids that the tokenizer itself puts before a text, between two, and after the last."""
        inner = self._tokenizer.encode("一", add_special_tokens=False).ids
        single = self._tokenizer.encode("一").ids
        pair = self._tokenizer.encode("一", "一").ids
        begin = _before(single, inner)
        end = single[begin + len(inner) :]
        rest = pair[begin + len(inner) :]
        gap = _before(rest, inner)
        between = rest[:gap] or end or single[:begin]
        return single[:begin], between, end


def _before(ids: Sequence[int], inner: Sequence[int]) -> int:
    """Where a run of ids stands in others."""
    width = len(inner)
    places = (at for at in range(len(ids) - width + 1) if list(ids[at : at + width]) == list(inner))
    return next(places, 0)


def _tokens(text: str, encoding: Any) -> Tokens:
    starts, ends = [], []
    for start, end in encoding.offsets:
        while start < end - 1 and text[start].isspace():  # SentencePiece counts the space before a word as its part
            start += 1
        starts.append(start)
        ends.append(end)
    return Tokens(list(encoding.ids), starts, ends)


def _without_surrogates(text: str) -> str:
    if text.isascii():
        return text
    return "".join("\ufffd" if 0xD800 <= ord(char) <= 0xDFFF else char for char in text)


def _jieba(vocabulary: Mapping[str, int]) -> Any:
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers.models.roformer.tokenization_utils import JiebaPreTokenizer

    try:
        return PreTokenizer.custom(JiebaPreTokenizer(vocabulary))
    except ImportError as error:
        raise cli.InputError("this tokenizer cuts words with jieba: pip install rjieba") from error
