"""Folders of sentence-transformers, by path and by hub name: the vectors of sentence-transformers itself."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.embeddings.whitening import fit_whitening
from engine.model.encoders import BertEncoder, EncoderConfig
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs.cli import InputError
from jobs.models import hub, saving
from jobs.whitening import config, export
from jobs.whitening.sentence_encoders import open_encoder

TEXTS = ["花呗怎么还款", "借呗的利息是多少呢，为什么这么高" * 2, "好", "如何关闭花呗", "额度 ABC", "还款日可以改吗"]
WIDTH = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of sentence-transformers: an encoder of ours and the modules of theirs."""
    peer = pytest.importorskip("sentence_transformers")
    del peer
    path = tmp_path_factory.mktemp("st")
    tokenizer = WordPiece(build_vocabulary([*TEXTS, "查询：abc"], min_count=1))
    shape = EncoderConfig(vocab_size=tokenizer.size, hidden_size=WIDTH, layers=3, intermediate_size=32)
    encoder = BertEncoder(shape)
    encoder.initialize(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(8)
    saving.save_folder(path, encoder, tokenizer)
    return path


def assemble(folder, *, modes=("mean",), dense="", normalise=False, layers=False, prompt="", length=None):
    """Write a whole sentence-transformers model around the encoder in `folder`."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, WeightedLayerPooling

    try:
        from sentence_transformers.base.modules import Transformer
    except ImportError:
        from sentence_transformers.models import Transformer
    options = {"config_kwargs": {"output_hidden_states": True}} if layers else {}
    transformer = Transformer(str(folder), **options)
    transformer.max_seq_length = length or 64
    parts = [transformer]
    if layers:
        weights = torch.nn.Parameter(torch.tensor([1.0, 0.0, 2.0]))
        parts.append(WeightedLayerPooling(WIDTH, num_hidden_layers=3, layer_start=1, layer_weights=weights))
    parts.append(Pooling(WIDTH, pooling_mode=modes))
    if dense:
        torch.manual_seed(1)
        parts.append(Dense(WIDTH * len(modes), 5, activation_function=getattr(torch.nn, dense)()))
    if normalise:
        parts.append(Normalize())
    named = {"prompts": {"query": prompt}, "default_prompt_name": "query"} if prompt else {}
    return SentenceTransformer(modules=parts, device="cpu", **named)


CASES = {
    "mean": {},
    "cls, normalised": {"modes": ("cls",), "normalise": True},
    "several": {"modes": ("cls", "max", "mean")},
    "root of the length": {"modes": ("mean_sqrt_len_tokens",)},
    "weighted": {"modes": ("weightedmean",)},
    "last": {"modes": ("lasttoken",)},
    "dense": {"dense": "Tanh", "normalise": True},
    "dense, relu": {"dense": "ReLU"},
    "layers": {"layers": True},
    "prompt": {"prompt": "查询：", "normalise": True},
    "short": {"length": 7},
}
QUICK = ("several", "last", "dense", "prompt", "short")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_native_vectors_are_those_of_sentence_transformers(folder, case, tmp_path, monkeypatch):
    model = assemble(folder, **CASES[case])
    model.save(str(tmp_path / "st"))
    expected = model.encode(TEXTS)
    for name in (str(tmp_path / "st"), "someone/model"):
        monkeypatch.setattr(hub, "fetch", lambda name, **options: tmp_path / "st")
        ours = open_encoder(name, device="cpu")
        assert ours.poolings[0] == "native"
        pooling = ours.parse("native")
        views = ours.encode(TEXTS, pooling.views, max_length=64, advance=lambda done: None)
        np.testing.assert_allclose(ours.combine(pooling, views), expected, atol=2e-5)


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_computed_is_refused_by_name(folder, tmp_path):
    model = assemble(folder, prompt="查询：")
    model.save(str(tmp_path))
    pooling = next(tmp_path.glob("*Pooling")) / "config.json"
    settings = json.loads(pooling.read_text())
    pooling.write_text(json.dumps({**settings, "include_prompt": False}))
    with pytest.raises(InputError, match="a prompt that its pooling leaves out is not computed"):
        open_encoder(str(tmp_path), device="cpu")
    pooling.write_text(json.dumps({**settings, "pooling_mode": "attention"}))
    with pytest.raises(InputError, match="got attention"):
        open_encoder(str(tmp_path), device="cpu")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pooling", ["first-last-avg", "last-avg", "cls", "last-max", "1+2", "pooler"])
def test_a_whitened_encoder_is_exported_with_the_same_vectors(folder, pooling, tmp_path, capsys):
    """The dense layer of sentence-transformers whitens as our map does, on sentences it was not fitted on."""
    from sentence_transformers import SentenceTransformer

    source = tmp_path / "source"
    shutil.copytree(folder, source)
    if pooling == "pooler":
        tensors = load_file(source / "model.safetensors")
        generator = torch.Generator().manual_seed(2)
        tensors |= {"pooler.dense.weight": torch.randn(WIDTH, WIDTH, generator=generator)}
        save_file({**tensors, "pooler.dense.bias": torch.ones(WIDTH)}, source / "model.safetensors")
    letters = "花呗怎么还款借利息是多少为什高如何关闭额度日可以改吗"
    rng = np.random.default_rng(0)
    lines = ["".join(rng.choice(list(letters), 8)) for _ in range(60)]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    output = tmp_path / "out"
    export.start(
        config.Export(
            encoder=str(source), pooling=pooling, components=6, file=tmp_path / "lines.txt", output=output, device="cpu"
        )
    )
    assert "6 components" in capsys.readouterr().out
    ours = open_encoder(str(source), device="cpu")
    parsed = ours.parse(pooling)

    def vectors(texts):
        views = ours.encode(texts, parsed.views, max_length=64, advance=lambda done: None)
        return ours.combine(parsed, views)

    expected = fit_whitening(vectors(lines), n_components=6).transform(vectors(TEXTS))
    assert np.abs(expected).max() > 0.1
    found = SentenceTransformer(str(output), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    native = open_encoder(str(output), device="cpu")
    views = native.encode(TEXTS, native.parse("native").views, max_length=64, advance=lambda done: None)
    np.testing.assert_allclose(native.combine(native.parse("native"), views), found, atol=1e-3 * np.abs(found).max())
