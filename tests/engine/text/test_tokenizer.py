import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.tokenizer import SPECIALS, WordPiece, build_vocabulary, find_folded, normalise

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "clue_io.json").read_text(encoding="utf-8"))
VOCABULARY = [
    *SPECIALS,
    *"我爱北京上海大学，。！0123456789abcdefghijklmnopqrstuvwxyz",
    "##a",
    "##b",
    "##1",
    "##2",
    "hello",
    "##s",
]


@pytest.mark.parametrize("case", ORACLE["tokenizer"]["tokenize"], ids=lambda case: case["text"])
def test_tokens_and_characters_are_those_of_the_reference(case):
    tokenizer = WordPiece(ORACLE["tokenizer"]["vocab"])
    (tokens,) = tokenizer.encode([case["text"]])
    assert [tokenizer.cls_id, *tokens.ids, tokenizer.sep_id] == case["ids"]
    assert [tokenizer.token(i) for i in tokens.ids] == case["tokens"][1:-1]
    spans = [(characters[0], characters[-1] + 1) for characters in case["char_spans"][1:-1]]
    assert list(zip(tokens.starts, tokens.ends, strict=True)) == spans


def test_a_word_that_cannot_be_cut_is_one_unknown_token():
    tokenizer = WordPiece([*SPECIALS, "a", "##b", "我"])
    (tokens,) = tokenizer.encode(["abc我ab"])
    assert tokens.ids == [tokenizer.unk_id, tokenizer.index["我"], tokenizer.index["a"], tokenizer.index["##b"]]
    assert (tokens.starts, tokens.ends) == ([0, 3, 4, 5], [3, 4, 5, 6])


def test_a_very_long_word_is_unknown():
    tokenizer = WordPiece([*SPECIALS, "a", "##a"])
    assert tokenizer.encode(["a" * 100])[0].ids == [tokenizer.index["a"]] + [tokenizer.index["##a"]] * 99
    assert tokenizer.encode(["a" * 101])[0].ids == [tokenizer.unk_id]


def test_special_tokens_in_text_are_text():
    tokenizer = WordPiece([*SPECIALS, "[", "]", "mask"])
    assert [tokenizer.token(i) for i in tokenizer.encode(["[MASK]"])[0].ids] == ["[", "mask", "]"]


def test_a_vocabulary_without_special_tokens_is_refused():
    with pytest.raises(ValueError, match=r"2 tokens lacks \[PAD\], \[UNK\]"):
        WordPiece(["我", "爱"])


def test_cased_vocabularies_keep_case():
    tokenizer = WordPiece([*SPECIALS, "A", "a", "é"], lower=False)
    assert tokenizer.encode(["A a é"])[0].ids == [tokenizer.index[c] for c in "Aaé"]


def test_the_built_vocabulary_knows_its_texts():
    vocabulary = build_vocabulary(["我爱北京", "我爱Abc", "冷"], min_count=1)
    tokenizer = WordPiece(vocabulary)
    assert vocabulary[: len(SPECIALS)] == list(SPECIALS)
    assert tokenizer.unk_id not in tokenizer.encode(["北京abc冷我", "cab"])[0].ids
    assert "冷" not in build_vocabulary(["我我冷"], min_count=2)
    assert len(build_vocabulary(["我爱北京"] * 2, max_size=8)) == 8


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("我爱 aB1é\u200b\u2028，")), max_size=40))
def test_spans_lie_in_the_text_and_in_order(text):
    tokenizer = WordPiece(VOCABULARY)
    (tokens,) = tokenizer.encode([text])
    assert len(tokens.ids) == len(tokens.starts) == len(tokens.ends)
    assert all(0 <= a < b <= len(text) for a, b in zip(tokens.starts, tokens.ends, strict=True))
    assert tokens.starts == sorted(tokens.starts)
    assert tokens.ends == sorted(tokens.ends)


@given(st.text(alphabet="我爱北京 aB1é，-\u200b\t", max_size=30))
def test_a_known_token_spells_its_characters(text):
    tokenizer = WordPiece(VOCABULARY)
    (tokens,) = tokenizer.encode([text])
    for token_id, start, end in zip(tokens.ids, tokens.starts, tokens.ends, strict=True):
        if token_id != tokenizer.unk_id:
            written = "".join(c for c in normalise(text[start:end]) if c != "\u200b")
            assert tokenizer.token(token_id).removeprefix("##") == written


@given(st.text(alphabet="我爱 ab1，", max_size=20), st.data())
def test_cutting_between_words_changes_no_token(text, data):
    tokenizer = WordPiece(VOCABULARY)
    tokenizer.encode([text])
    position = data.draw(st.integers(0, len(text)))
    if not tokenizer.inside_word(text, position):
        left, right = tokenizer.encode([text[:position], text[position:]])
        assert left.ids + right.ids == tokenizer.encode([text])[0].ids


def test_words_are_cjk_characters_punctuation_and_runs():
    words = ["我", "a1", "，", "ebc", "d"]
    tokenizer = WordPiece([*SPECIALS, *words])
    ids = tokenizer.encode(["我a1，Éb\u200bc d"])[0].ids
    assert [tokenizer.token(token) for token in ids] == words


def test_agrees_with_the_tokenizer_of_transformers_on_a_real_vocabulary():
    folder = os.environ.get("CLUEBOARD_TEST_MODEL")
    if not folder:
        pytest.skip("CLUEBOARD_TEST_MODEL names no model folder")
    transformers = pytest.importorskip("transformers")
    vocabulary = (Path(folder) / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    texts = ["我爱北京，iPhone12手机！", "Café naïve １２３ﾃｽﾄ", "hello　world\t2021年10月", "𠮷野家……——《红楼梦》"]
    reference = transformers.BertTokenizerFast.from_pretrained(folder)(
        texts, add_special_tokens=False, return_offsets_mapping=True
    )
    for i, tokens in enumerate(WordPiece(vocabulary).encode(texts)):
        assert tokens.ids == reference["input_ids"][i]
        assert list(zip(tokens.starts, tokens.ends, strict=True)) == reference["offset_mapping"][i]


def test_a_dropped_combining_mark_belongs_to_the_token_before_it():
    tokenizer = WordPiece([*SPECIALS, "e", "##e", "我", "か"])
    (tokens,) = tokenizer.encode(["e\u0301e我\u0301か\u3099"])
    assert [tokenizer.token(i) for i in tokens.ids] == ["e", "##e", "我", "か"]
    assert (tokens.starts, tokens.ends) == ([0, 2, 3, 5], [2, 3, 5, 7])


@pytest.mark.parametrize(
    ("text", "part", "place"),
    [
        ("歌手Beyoncé唱", "beyonce", (2, 9)),
        ("İstanbul Ankara", "ankara", (9, 15)),
        ("ガンダム", "カンタム", (0, 4)),
        ("ab AB", "AB", (3, 5)),
        ("我", "你", None),
        ("我", "\u0301", None),
    ],
)
def test_a_text_is_found_but_for_case_and_marks(text, part, place):
    assert find_folded(text, part) == place
