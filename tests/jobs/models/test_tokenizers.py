"""Tokenizers of folders: the ids of transformers, whatever wrote the folder, and characters of the text as it came."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

from engine.text.tokenizer import SPECIALS, WordPiece
from jobs import cli
from jobs.models import saving
from jobs.models.any_tokenizer import AnyTokenizer
from jobs.models.tokenizer_files import describe, read_tokenizer, restore

LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789", *"一二三四五我爱北京上海天气很好，。！？、"]
VOCABULARY = [*SPECIALS, *LETTERS, *(f"##{c}" for c in LETTERS), "É", "北京大学", "ab", "##cd", "é"]
CORPUS = ["我爱北京天气很好，上海也好。", "hello world 123", "今天 天气 非常 好！", "Ünïcode 한국어"] * 50
TEXTS = [
    "我爱北京大学",
    "abcd ABCD é É",
    "  天气\t很好 ",
    "ガンダム 한국어 Beyoncé",
    "",
    "12,345.67",
    "👍🏽 好",
    "x" * 120,
]
text = st.text(alphabet=st.sampled_from("我爱北京大学天气abcdABCÉé 　ガ한\t，。\u0301👍x1\u200b"), max_size=30)


def bert_folder(folder: Path, **options) -> Path:
    """As transformers saves BERT's tokenizer today: tokenizer.json, no vocab.txt."""
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    BertTokenizer(vocab=vocabulary, **options).save_pretrained(folder)
    assert not (folder / "vocab.txt").exists()
    return folder


def trained_folder(folder: Path, kind: str) -> Path:
    """A byte-level BPE as of Qwen, or a unigram model with a space sign as of XLM-RoBERTa."""
    folder.mkdir(exist_ok=True)
    if kind == "bytes":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        names = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
        made.train_from_iterator(CORPUS, trainer)
        end = made.token_to_id("<|endoftext|>")
        made.post_processor = processors.TemplateProcessing(
            single="$A <|endoftext|>", pair="$A <|endoftext|> $B <|endoftext|>", special_tokens=[("<|endoftext|>", end)]
        )
    else:
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        made.train_from_iterator(
            CORPUS, trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>")
        )
        names = dict(zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), special, strict=True))
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> </s> $B </s>",
            special_tokens=[(token, made.token_to_id(token)) for token in ("<s>", "</s>")],
        )
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("tokenizers")
    made = {
        "usual": bert_folder(base / "usual"),
        "cased": bert_folder(base / "cased", do_lower_case=False),
        "accents kept": bert_folder(base / "accents", strip_accents=False),
        "chinese words": bert_folder(base / "words", tokenize_chinese_chars=False),
        "added": bert_folder(base / "added"),
        "bytes": trained_folder(base / "bytes", "bytes"),
        "unigram": trained_folder(base / "unigram", "unigram"),
    }
    added = AutoTokenizer.from_pretrained(made["added"])
    added.add_tokens(["爱北", "newword"])
    added.save_pretrained(made["added"])
    return made


def ids(folder: Path, texts: list[str]) -> list[list[int]]:
    theirs = AutoTokenizer.from_pretrained(folder)
    return [theirs(item, add_special_tokens=False).input_ids for item in texts]


@pytest.mark.parametrize("kind", ["usual", "cased", "accents kept", "chinese words", "added", "bytes", "unigram"])
def test_ids_and_frame_are_those_of_transformers(folders, kind, tmp_path):
    ours = read_tokenizer(folders[kind])
    assert isinstance(ours, WordPiece) == (kind in ("usual", "cased"))
    assert [tokens.ids for tokens in ours.encode(TEXTS)] == ids(folders[kind], TEXTS)
    theirs = AutoTokenizer.from_pretrained(folders[kind])
    (one,), (two,) = ours.encode(["我爱"]), ours.encode(["天气"])
    assert [*ours.begin, *one.ids, *ours.end] == theirs("我爱").input_ids
    assert [*ours.begin, *one.ids, *ours.between, *two.ids, *ours.end] == theirs("我爱", "天气").input_ids
    again = restore(json.loads(json.dumps(describe(ours))))
    assert again.encode(TEXTS) == ours.encode(TEXTS)
    saving.save_tokenizer(tmp_path, ours, longest=64)
    assert ids(tmp_path, TEXTS) == ids(folders[kind], TEXTS)
    assert read_tokenizer(tmp_path).encode(TEXTS) == ours.encode(TEXTS)


@settings(max_examples=60, deadline=None)
@given(text)
def test_any_text_has_the_ids_of_transformers_and_its_own_characters(folders, value):
    for kind in ("usual", "accents kept", "chinese words", "bytes", "unigram"):
        (tokens,) = CACHE.setdefault(kind, read_tokenizer(folders[kind])).encode([value])
        theirs = CACHE.setdefault(f"{kind} theirs", AutoTokenizer.from_pretrained(folders[kind]))
        assert tokens.ids == theirs(value, add_special_tokens=False).input_ids, kind
        assert len(tokens.starts) == len(tokens.ends) == len(tokens.ids)
        assert all(0 <= start <= end <= len(value) for start, end in zip(tokens.starts, tokens.ends, strict=True))
        assert tokens.starts == sorted(tokens.starts)


CACHE: dict = {}


def test_lone_surrogates_count_as_one_character(folders):
    for kind in ("bytes", "unigram"):
        (tokens,) = read_tokenizer(folders[kind]).encode(["好\ud83d好"])
        assert (tokens.starts[0], tokens.ends[-1]) == (0, 3)


def test_a_vocabulary_file_with_unusual_settings_is_read_as_transformers_does(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    for settings_file in (
        {"tokenizer_class": "BertTokenizer", "strip_accents": False},
        {"tokenizer_class": "BertTokenizer", "tokenize_chinese_chars": False},
        {"tokenizer_class": "BertTokenizer", "unk_token": "a"},
        {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "model_max_length": 32},
    ):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings_file))
        assert [tokens.ids for tokens in read_tokenizer(tmp_path).encode(TEXTS)] == ids(tmp_path, TEXTS), settings_file


def test_what_is_no_tokenizer_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(cli.InputError, match=re.escape(f"{tmp_path} has no vocab.txt and no tokenizer.json")):
        read_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(cli.InputError, match="its tokenizer cannot be read"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["x.Y", null]}}')
    with pytest.raises(cli.InputError, match="code of the model's own, which is never run"):
        read_tokenizer(tmp_path)


def test_jieba_words_are_kept_by_checkpoints(tmp_path):
    pytest.importorskip("rjieba")
    (tmp_path / "vocab.txt").write_text("\n".join([*VOCABULARY, "天气"]) + "\n", encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "roformer"}')
    ours = read_tokenizer(tmp_path)
    assert isinstance(ours, AnyTokenizer)
    assert ours.jieba
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    theirs.__setstate__(theirs.__dict__)  # gives jieba the vocabulary, where loading has given it the file's name
    assert [tokens.ids for tokens in ours.encode(TEXTS)] == theirs(TEXTS, add_special_tokens=False).input_ids
    assert restore(json.loads(json.dumps(describe(ours)))).encode(TEXTS) == ours.encode(TEXTS)
    (tmp_path / "out").mkdir()
    saving.save_tokenizer(tmp_path / "out", ours, longest=64)
    assert read_tokenizer(tmp_path / "out").encode(TEXTS) == ours.encode(TEXTS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("class_name", ["BertTokenizer", "RoFormerTokenizer"])
def test_marks_windows_line_ends_and_blank_last_lines_change_no_id(tmp_path, class_name, encoding):
    usual = class_name == "BertTokenizer"
    if not usual:
        pytest.importorskip("rjieba")
        encoding = "utf-8-sig"
    lines, said = [*VOCABULARY, "天气"], json.dumps({"tokenizer_class": class_name, "strip_accents": None})
    for name, end, coded in (("plain", "\n", "utf-8"), ("odd", "\r\n", encoding)):
        (tmp_path / name).mkdir()
        blank = end * (1 if name == "plain" else 4 if usual else 1)
        (tmp_path / name / "vocab.txt").write_bytes((end.join(lines) + blank).encode(coded))
        (tmp_path / name / "tokenizer_config.json").write_bytes((said if not usual else "{}").encode(coded))
    plain, odd = read_tokenizer(tmp_path / "plain"), read_tokenizer(tmp_path / "odd")
    assert isinstance(odd, WordPiece) == usual
    assert odd.encode(TEXTS) == plain.encode(TEXTS)
    assert describe(odd) == describe(plain)
