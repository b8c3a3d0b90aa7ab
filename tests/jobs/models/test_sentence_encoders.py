"""Encoders behind `--encoder`: folders, sentence-transformers folders, trained runs, against a padded forward pass."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.embeddings.similarity import unit_rows
from engine.model.encoders import BertEncoder, EncoderConfig
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs import checkpoints, tracking
from jobs.cli import InputError
from jobs.models import loading, saving
from jobs.whitening import config as whitening
from jobs.whitening import encode, layers
from jobs.whitening.sentence_encoders import BertSentences, open_encoder
from store import queries, runs
from store.ingest import ingest

TEXTS = ["花呗怎么还款", "借呗的利息是多少呢，为什么这么高", "好", "如何关闭花呗", "额度", "还款日可以改吗"]
WIDTH = 16


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Runs write their spool only, and the cache of encoded sentences is this test's own."""
    start = runs.start
    monkeypatch.setattr(tracking.runs, "start", lambda *args, **kwargs: start(*args, **{**kwargs, "follow": False}))
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def encoder():
    tokenizer = WordPiece(build_vocabulary(TEXTS, min_count=1))
    shape = EncoderConfig(
        vocab_size=tokenizer.size, hidden_size=WIDTH, layers=3, intermediate_size=32, max_positions=40
    )
    encoder = BertEncoder(shape)
    encoder.initialize(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(8)  # far from the nearly linear start, so that layers differ
    return encoder.eval(), tokenizer


@pytest.fixture(scope="module")
def folder(encoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    saving.save_folder(path, encoder[0], encoder[1])
    return path


def vectors(encoder, pooling, texts=TEXTS, max_length=64):
    parsed = encoder.parse(pooling)
    done = []
    views = encoder.encode(texts, parsed.views, max_length=max_length, advance=done.append)
    assert sum(done) == len(texts)
    return encoder.combine(parsed, views)


def padded(encoder):
    """Hidden states (4, n, length, d) and mask of all texts in one padded batch."""
    model, tokenizer = encoder
    rows = [[tokenizer.cls_id, *tokens.ids, tokenizer.sep_id] for tokens in tokenizer.encode(TEXTS)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer.pad_id] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    with torch.no_grad():
        states = torch.stack(model.encode_hidden(ids, mask)).numpy()
    return states, mask.numpy()


def test_poolings_are_masked_means_of_a_padded_pass(encoder, folder):
    states, mask = padded(encoder)
    means = (states * mask[..., None]).sum(axis=2) / mask.sum(axis=1)[:, None]
    ours = open_encoder(str(folder), device="cpu")
    assert ours.layers == 3
    np.testing.assert_allclose(vectors(ours, "first-last-avg"), (means[1] + means[3]) / 2, atol=1e-4)
    np.testing.assert_allclose(vectors(ours, "0+2"), (means[0] + means[2]) / 2, atol=1e-4)
    np.testing.assert_allclose(vectors(ours, "cls"), states[3][:, 0], atol=1e-4)
    largest = np.where(mask[..., None] == 1, states[3], -np.inf).max(axis=1)
    np.testing.assert_allclose(vectors(ours, "last-max"), largest, atol=1e-4)
    assert np.abs(vectors(ours, "cls") - vectors(ours, "last-avg")).max() > 0.01


def test_batches_do_not_change_a_sentence(encoder, folder):
    ours = open_encoder(str(folder), device="cpu")
    together = vectors(ours, "first-last-avg")
    alone = np.concatenate([vectors(ours, "first-last-avg", [text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_long_sentences_are_cut_with_both_special_tokens(folder):
    ours = open_encoder(str(folder), device="cpu")
    tokens, lengths = ours._tokenise(["花呗" * 100, "好"], 64)
    assert lengths.tolist() == [40, 3]
    assert tokens[39] == ours.tokenizer.sep_id
    assert ours._tokenise(["花呗" * 100], 10)[1].tolist() == [10]


def test_the_pooler_is_linear_where_the_checkpoint_has_one(encoder, folder, tmp_path):
    bare = open_encoder(str(folder), device="cpu")
    assert "pooler" not in bare.poolings
    with pytest.raises(ValueError, match="no pooler weights"):
        bare.parse("pooler")
    weight, bias = 5 * torch.eye(WIDTH), torch.full((WIDTH,), 3.0)
    saving.save_folder(tmp_path, encoder[0], encoder[1])
    tensors = load_file(tmp_path / "model.safetensors")
    tensors |= {"bert.pooler.dense.weight": weight, "bert.pooler.dense.bias": bias}
    save_file(tensors, tmp_path / "model.safetensors")
    ours = open_encoder(str(tmp_path), device="cpu")
    assert "pooler" in ours.poolings
    np.testing.assert_allclose(vectors(ours, "pooler"), 5 * vectors(ours, "cls") + 3, rtol=1e-5)
    assert ours.fingerprint != bare.fingerprint


def sentence_transformer(
    base, encoder, *, mode="mean_tokens", modules=("Transformer", "Pooling", "Dense", "Normalize")
):
    saving.save_folder(base / "0_Transformer", encoder[0], encoder[1])
    listed = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(modules)
    ]
    (base / "modules.json").write_text(json.dumps(listed))
    for part in ("1_Pooling", "2_Dense"):
        (base / part).mkdir()
    switches = {f"pooling_mode_{name}": name == mode for name in ("cls_token", "mean_tokens", "attention_tokens")}
    (base / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH, **switches}))
    (base / "2_Dense" / "config.json").write_text(
        json.dumps({"activation_function": "torch.nn.modules.activation.Tanh"})
    )
    weight = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(1))
    save_file({"linear.weight": weight, "linear.bias": torch.ones(4)}, base / "2_Dense" / "model.safetensors")
    return weight.numpy()


def test_a_sentence_transformers_folder_has_its_own_pooling(encoder, tmp_path):
    weight = sentence_transformer(tmp_path, encoder)
    ours = open_encoder(str(tmp_path), device="cpu")
    assert ours.poolings[0] == "native"
    expected = unit_rows(np.tanh(vectors(ours, "last-avg") @ weight.T + 1))
    np.testing.assert_allclose(vectors(ours, "native"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "attention_tokens"}, "pooling, got attention_tokens"),
        ({"modules": ("Transformer", "Pooling", "LSTM")}, "modules of type LSTM cannot be read"),
        ({"modules": ("Transformer",)}, "names no Pooling module"),
    ],
)
def test_modules_that_cannot_be_read_are_named(encoder, tmp_path, change, message):
    sentence_transformer(tmp_path, encoder, **change)
    with pytest.raises(InputError, match=message):
        open_encoder(str(tmp_path))


def trained_run(db, encoder, *, experiment="clue", checkpoint=True):
    """A finished run that keeps its best checkpoint as a training does."""
    model, tokenizer = encoder
    start = {"config": {}, "command": "", "config_hash": experiment, "db": db, "task": "afqmc", "model": "tiny"}
    with runs.start(experiment, follow=False, **start) as run:
        if checkpoint:
            state = {f"encoder.{name}": tensor for name, tensor in model.state_dict().items()}
            about = {"encoder": model.config.to_dict(), "vocabulary": tokenizer.vocabulary, "lower": True}
            checkpoints.save(run.folder / checkpoints.BEST, {"model": state}, about=about)
    ingest(db, force=True)
    return run.run_id


def test_a_trained_run_is_an_encoder(encoder, folder, tmp_path):
    db = tmp_path / "x.duckdb"
    run_id = trained_run(db, encoder)
    ours = open_encoder(f"run:{run_id[-4:]}", device="cpu", db=db)
    assert ours.name == f"tiny trained on afqmc ({run_id})"
    direct = open_encoder(str(folder), device="cpu")
    np.testing.assert_array_equal(vectors(ours, "first-last-avg"), vectors(direct, "first-last-avg"))
    assert ours.fingerprint == direct.fingerprint
    bare = trained_run(db, encoder, checkpoint=False)
    with pytest.raises(InputError, match=r"keeps no best\.safetensors"):
        open_encoder(bare, device="cpu", db=db)
    other = trained_run(db, encoder, experiment="can")
    with pytest.raises(InputError, match="finished run of can; expected a finished one of clue"):
        open_encoder(other, device="cpu", db=db)


def test_layers_scores_every_pair(folder, tmp_path, capsys):
    rng = np.random.default_rng(0)
    characters = sorted(set("".join(TEXTS)))
    lines = []
    for _ in range(40):
        words = list(rng.choice(characters, 6))
        shared = int(rng.integers(0, 6))
        lines.append(
            f"{''.join(words)}\t{''.join(words[:shared] + list(rng.choice(characters, 6 - shared)))}\t{shared}"
        )
    (tmp_path / "mine.tsv").write_text("\n".join(lines), encoding="utf-8")
    db = tmp_path / "x.duckdb"
    flags = {"encoder": str(folder), "data": (str(tmp_path / "mine.tsv"),), "device": "cpu", "db": db}
    layers.start(whitening.Layers(resamples=20, **flags))
    ingest(db, force=True)
    table = queries.measurements("layer_pairs", db=db).filter(average="all")
    assert table.height == 2 * 10  # four hidden states, none and whitened
    shown = capsys.readouterr().out
    best = table.filter(whitening="none").sort("value").row(-1, named=True)
    assert f"best pair {best['first']}+{best['second']}" in shown


def test_encode_writes_one_row_a_sentence(folder, tmp_path, capsys):
    path = tmp_path / "v.npy"
    encode.start(whitening.Encode(encoder=str(folder), sentences=tuple(TEXTS), output=path, device="cpu"))
    np.testing.assert_allclose(
        np.load(path), vectors(open_encoder(str(folder), device="cpu"), "first-last-avg"), atol=1e-5
    )
    assert f"6 x {WIDTH}" in capsys.readouterr().out
    with pytest.raises(InputError, match="sentence 2 is empty"):
        encode.start(whitening.Encode(sentences=("好", " "), output=path))
    with pytest.raises(InputError, match="either --sentences or a --file"):
        encode.start(whitening.Encode(output=path))


def test_the_encoder_is_told_by_its_weights_not_its_path(encoder, folder):
    loaded = loading.Loaded("elsewhere", encoder[0], encoder[1], pretrained=True)
    assert BertSentences(loaded).fingerprint == open_encoder(str(folder), device="cpu").fingerprint
    changed = BertEncoder(encoder[0].config)
    changed.load_state_dict(encoder[0].state_dict())
    with torch.no_grad():
        changed.words.weight[0, 0] += 1
    loaded = loading.Loaded("elsewhere", changed, encoder[1], pretrained=True)
    assert BertSentences(loaded).fingerprint != open_encoder(str(folder), device="cpu").fingerprint
