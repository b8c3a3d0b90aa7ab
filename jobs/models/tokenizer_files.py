"""The tokenizer of a model's folder, and how a checkpoint writes one down.

What transformers makes of a folder decides. Where that is BERT's tokenizer with nothing unusual, our own WordPiece
gives the same ids faster; for everything else the rules of transformers are run by the `tokenizers` library.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.text.tokenizer import SPECIALS, WordPiece
from jobs import cli
from jobs.models.any_tokenizer import AnyTokenizer
from jobs.models.config_file import read_json
from jobs.text_lines import read_lines

if TYPE_CHECKING:
    from engine.text.tokenizer import Tokenizer

RULES = ("tokenizer.json", "added_tokens.json", "special_tokens_map.json", "vocab.json", "merges.txt")
HARMLESS = frozenset(
    {
        "do_lower_case",
        "tokenizer_class",
        "model_max_length",
        "max_len",
        "name_or_path",
        "clean_up_tokenization_spaces",
        "init_inputs",
        "is_local",
        "local_files_only",
        "transformers_version",
    }
)
"""settings of tokenizer_config.json that change no id, and the one that our WordPiece knows"""
BERT_LIKE = {
    "bert": "BertTokenizer",
    "ernie": "ErnieTokenizer",
    "electra": "ElectraTokenizer",
    "megatron-bert": "BertTokenizerFast",
}
"""families whose tokenizer is BERT's, and the names it goes by"""
SPECIAL = ("cls", "sep", "pad", "mask", "unk")


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`.

    Raises:
        InputError: if there is none, or it is of a kind that cannot be run here.
    """
    vocabulary = folder / "vocab.txt"
    settings = _settings(folder)
    kind = settings.get("tokenizer_class") or BERT_LIKE.get(_family(folder))
    plain = vocabulary.is_file() and not any((folder / name).exists() for name in RULES)
    usual = not (settings.keys() - HARMLESS) and kind in BERT_LIKE.values()
    if plain and usual:
        lower = settings.get("do_lower_case", True)
        if not isinstance(lower, bool):
            path = folder / "tokenizer_config.json"
            raise cli.InputError(f"{path}: do_lower_case must be true or false, got {lower!r}")
        return _word_piece(vocabulary, lower=lower)
    return _by_transformers(folder)


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    settings = read_json(path) if path.is_file() else {}
    if settings.get("auto_map"):
        raise cli.InputError(f"{path}: auto_map asks for code of the model's own, which is never run")
    return settings


def _family(folder: Path) -> str:
    path = folder / "config.json"
    return str(read_json(path).get("model_type", "bert")) if path.is_file() else "bert"


def _word_piece(path: Path, *, lower: bool) -> WordPiece:
    with cli.input_errors(str(path)):
        tokens = read_lines(path)
        while tokens and not tokens[-1]:
            tokens.pop()
        return WordPiece(tokens, lower=lower)


def _by_transformers(folder: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    if not any(any(folder.glob(name)) for name in ("vocab.txt", "tokenizer.json", "vocab.json", "*.model")):
        raise cli.InputError(f"{folder} has no vocab.txt and no tokenizer.json")
    try:
        with _without_marks(folder) as readable:
            made = AutoTokenizer.from_pretrained(readable, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes it raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise cli.InputError(f"{folder}: its tokenizer cannot be read ({reason})") from error
    backend = getattr(made, "backend_tokenizer", None)
    if backend is None:
        raise cli.InputError(f"{folder}: {type(made).__name__} has no tokenizer.json, so its characters are not known")
    rules, jieba = _rules(backend)
    names = {name: str(token) for name in SPECIAL if (token := getattr(made, f"{name}_token", None)) is not None}
    plain = None if jieba else as_word_piece(rules, names)
    return plain or AnyTokenizer(rules, names, jieba=jieba)


@contextlib.contextmanager
def _without_marks(folder: Path) -> Iterator[Path]:
    """The folder, or a copy of its text files where one begins with a byte order mark: transformers knows none."""
    files = [path for path in folder.iterdir() if path.suffix in (".txt", ".json", ".model")]
    contents = {path.name: path.read_bytes() for path in files if path.suffix != ".model"}
    if not any(content.startswith(codecs.BOM_UTF8) for content in contents.values()):
        yield folder
        return
    with tempfile.TemporaryDirectory() as name:
        for path in files:
            if path.name in contents:
                (Path(name) / path.name).write_bytes(contents[path.name].removeprefix(codecs.BOM_UTF8))
            else:
                (Path(name) / path.name).symlink_to(path.resolve())
        yield Path(name)


def _rules(backend: Any) -> tuple[dict[str, Any], bool]:
    """What the tokenizer's file says, and whether it cuts words with jieba, which no file says."""
    from tokenizers import Tokenizer, pre_tokenizers

    try:
        return json.loads(backend.to_str()), False
    except Exception:  # the library refuses to write down a step made in Python
        step = backend.pre_tokenizer
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        rules = json.loads(Tokenizer.from_str(backend.to_str()).to_str())
        backend.pre_tokenizer = step
        return rules, True


def as_word_piece(rules: Mapping[str, Any], names: Mapping[str, str]) -> WordPiece | None:
    """Our WordPiece where the rules of a tokenizer.json are exactly BERT's; None where anything is unusual."""
    model, steps = rules.get("model") or {}, rules.get("normalizer") or {}
    if model.get("type") != "WordPiece" or (rules.get("pre_tokenizer") or {}).get("type") != "BertPreTokenizer":
        return None
    usual = (
        model.get("continuing_subword_prefix") == "##"
        and model.get("max_input_chars_per_word") == 100
        and model.get("unk_token") == "[UNK]"
        and steps.get("type") == "BertNormalizer"
        and steps.get("clean_text") is True
        and steps.get("handle_chinese_chars") is True
        and steps.get("strip_accents") in (None, steps.get("lowercase"))
    )
    specials = {name: f"[{name.upper()}]" for name in SPECIAL}
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    whole = [model["vocab"][token] for token in vocabulary] == list(range(len(vocabulary)))
    added = [token["content"] for token in rules.get("added_tokens") or []]
    if not usual or not whole or dict(names) != specials or set(added) - set(SPECIALS[:5]):
        return None
    if any(token not in model["vocab"] for token in SPECIALS[:5]) or not _usual_frame(rules, model["vocab"]):
        return None
    return WordPiece(vocabulary, lower=bool(steps.get("lowercase")))


def _usual_frame(rules: Mapping[str, Any], vocabulary: Mapping[str, int]) -> bool:
    found = AnyTokenizer(rules, {})
    begin, end = [vocabulary["[CLS]"]], [vocabulary["[SEP]"]]
    return (found.begin, found.between, found.end) == (begin, end, end)


def describe(tokenizer: Any) -> dict[str, Any]:
    """What a checkpoint keeps of a tokenizer; `restore` makes it again."""
    if isinstance(tokenizer, AnyTokenizer):
        return {"tokenizer": {"rules": tokenizer.rules, "names": tokenizer.names, "jieba": tokenizer.jieba}}
    return {"vocabulary": tokenizer.vocabulary, "lower": tokenizer.lower}


def restore(about: Mapping[str, Any]) -> Any:
    """The tokenizer that a checkpoint describes."""
    if "tokenizer" in about:
        kept = about["tokenizer"]
        return AnyTokenizer(kept["rules"], kept["names"], jieba=kept["jieba"])
    return WordPiece(about["vocabulary"], lower=about["lower"])


def fingerprint(tokenizer: Any) -> str:
    """sha256 of everything that decides the ids."""
    return hashlib.sha256(json.dumps(describe(tokenizer), sort_keys=True).encode()).hexdigest()
