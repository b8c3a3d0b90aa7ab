"""The folder of `--output`: what transformers makes of it, and what its card says."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import transformers

from engine.text.tasks import TASKS
from engine.text.tokenizer import build_vocabulary
from jobs import cli, predict
from jobs.clue import start
from jobs.clue.config import Config, check
from jobs.clue.data import sources as clue_data
from store import queries

pytestmark = pytest.mark.usefixtures("alone")


def train(tmp_path: Path, **flags) -> tuple[Config, dict]:
    config = Config(
        **{"db": tmp_path / "x.duckdb", "limit": 40, "epochs": 1, "max_length": 40, "output": tmp_path / "out", **flags}
    )
    start.run(config)
    queries.refresh(db=config.db)
    return config, queries.runs(db=config.db).row(0, named=True)


def an_albert(folder: Path) -> str:
    """A small random ALBERT whose vocabulary is that of the sample's titles."""
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    texts = [example.fields["sentence"] for example in clue_data.load(TASKS["tnews"], limit=40).dev]
    vocabulary = build_vocabulary(texts, min_count=1)
    torch.manual_seed(0)
    config = transformers.AlbertConfig(vocab_size=len(vocabulary), embedding_size=16, **shape)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return str(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["tiny", pytest.param("albert", marks=pytest.mark.slow), "albert with adapters"])
def test_a_standard_head_answers_in_transformers_as_in_the_run(tmp_path, family):
    if lora := 4 * (family == "albert with adapters"):
        pytest.importorskip("peft")
    model = family if family == "tiny" else an_albert(tmp_path / "albert")
    config, run = train(tmp_path, task=("tnews",), head="standard", model=model, lora=lora, learning_rate=1e-2)
    folder = tmp_path / "out"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    stored = queries.predictions(run["run_id"], db=config.db).sort(pl.col("example_id").cast(pl.Int64))
    texts = [json.loads(text)["sentence"] for text in stored["text"]]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=40)
    with torch.inference_mode():
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    assert [model.config.id2label[number] for number in logits.argmax(1).tolist()] == stored["prediction"].to_list()
    np.testing.assert_allclose(logits.softmax(1).max(1).values.numpy(), stored["confidence"], atol=1e-5)
    card = (folder / "README.md").read_text()
    assert "AutoModelForSequenceClassification.from_pretrained" in card
    assert "missing" not in card
    rows = tmp_path / "rows.json"
    rows.write_text("".join(json.dumps({"sentence": text}, ensure_ascii=False) + "\n" for text in texts[:5]))
    predict.predict(predict.Config(run="latest", input=rows, output=tmp_path / "answers.jsonl", db=config.db))
    answers = [json.loads(line)["prediction"] for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert answers == stored["prediction"].to_list()[:5]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["cmrc2018", "cluener"])
def test_standard_heads_train_spans_and_entities(tmp_path, task):
    _, run = train(tmp_path, task=(task,), head="standard", limit=12, max_length=64)
    assert run["status"] == "finished"
    assert json.loads((tmp_path / "out" / "config.json").read_text())["architectures"][0].startswith("BertFor")


def test_with_our_head_the_card_says_what_is_missing(tmp_path):
    config, run = train(tmp_path, task=("afqmc",))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "The task's head is missing here" in card
    summary = dict(queries.summary([run["run_id"]], db=config.db).select("name", "value").iter_rows())
    assert f"| accuracy | {summary['dev/accuracy']:.4f} |" in card
    assert "(Wilson)" in card
    assert re.search(rf"\| macro_f1 \| {summary['dev/macro_f1']:.4f} \| 0\.\d+ to [01]\.\d+ \(jackknife\) \|", card)
    unseen = summary.get("dev/unseen_accuracy")
    assert unseen is None or re.search(rf"\| unseen_accuracy \([\d,]+ rows\) \| {unseen:.4f} \| .* \(Wilson\)", card)
    assert run["dev_fingerprint"] in card
    assert "python -m jobs.clue" in card
    assert "the built-in sample, not CLUE data" in card
    encoder = json.loads((tmp_path / "out" / "config.json").read_text())
    assert encoder["architectures"] == ["BertModel"]


def test_a_standard_head_has_its_own_pooling():
    with pytest.raises(cli.InputError, match="--head standard reads the first token; --pooling mean goes with our"):
        check(Config(head="standard", pooling="mean"))
