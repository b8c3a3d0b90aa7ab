"""Each integration with the real library: a small training logs its curves, parameters and end to the store."""

import pytest

import store
from store import queries
from store.ingest import ingest
from store.tracking import session


@pytest.fixture
def db(tmp_path, monkeypatch, no_follower):
    path = tmp_path / "results.duckdb"
    monkeypatch.setenv("CLUEBOARD_DB", str(path))
    monkeypatch.setattr(session, "_watching_the_end", True)
    yield path
    store.finish()


def stored(db):
    store.finish()
    ingest(db, wait=60.0, force=True)
    (row,) = queries.runs(db=db).iter_rows(named=True)
    row |= dict(queries.summary([row["run_id"]], db).select("name", "value").iter_rows())
    names = dict(queries.params(db=db).select("name", "value").iter_rows())
    return row, names


@pytest.mark.slow  # the library takes several seconds to import
@pytest.mark.filterwarnings("ignore")
def test_transformers(db, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from store.integrations.transformers import ClueboardCallback

    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, num_labels=2, **size))
    rows = [{"input_ids": torch.tensor([2, 3 + i % 2, 4]), "labels": torch.tensor(i % 2)} for i in range(8)]
    arguments = TrainingArguments(
        str(tmp_path / "out"), num_train_epochs=2, logging_steps=1, eval_strategy="epoch", report_to=[], use_cpu=True,
        per_device_train_batch_size=4, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        model, arguments, train_dataset=rows, eval_dataset=rows,
        compute_metrics=lambda answer: {"accuracy": float((answer.predictions.argmax(1) == answer.label_ids).mean())},
        callbacks=[ClueboardCallback(name="tiny bert")],
    )  # fmt: skip
    trainer.train()
    expected = trainer.evaluate()
    row, names = stored(db)
    assert (row["name"], row["status"]) == ("tiny bert", "finished")
    assert row["dev/accuracy"] == expected["eval_accuracy"]
    assert row["dev/loss"] == pytest.approx(expected["eval_loss"])
    assert names["num_train_epochs"] == "2"
    points = queries.table_of_run("metrics", row["run_id"], db=db)
    assert points.filter(points["name"] == "train/loss")["step"].to_list() == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lightning(db, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    torch = pytest.importorskip("torch")

    from store.integrations.lightning import ClueboardLogger

    class Line(lightning.LightningModule):
        def __init__(self, lr):
            super().__init__()
            self.save_hyperparameters()
            self.line = torch.nn.Linear(2, 1)

        def training_step(self, batch, index):
            loss = self.line(batch).square().mean()
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, index):
            self.log("val_loss", self.line(batch).square().mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    data = torch.utils.data.DataLoader(torch.randn(8, 2), batch_size=4)
    logger = ClueboardLogger(name="line", experiment="lightning")
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = lightning.Trainer(
        max_epochs=2, logger=logger, log_every_n_steps=1, accelerator="cpu", default_root_dir=tmp_path, **quiet
    )
    trainer.fit(Line(0.1), data, data)
    row, names = stored(db)
    assert (row["name"], row["experiment"], names["lr"]) == ("line", "lightning", "0.1")
    assert row["dev/loss"] == pytest.approx(float(trainer.callback_metrics["val_loss"]))


@pytest.mark.filterwarnings("ignore")
def test_accelerate(db):
    pytest.importorskip("accelerate")
    from accelerate import Accelerator

    from store.integrations.accelerate import ClueboardTracker

    accelerator = Accelerator(cpu=True, log_with=ClueboardTracker(name="loop", experiment="accelerate"))
    accelerator.init_trackers("intent", config={"lr": 0.1})
    accelerator.log({"val_accuracy": 0.5}, step=3)
    accelerator.end_training()
    row, names = stored(db)
    assert (row["name"], row["dev/accuracy"], names["lr"]) == ("loop", 0.5, "0.1")


def test_scikit_learn(db):
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    from store.integrations.sklearn import log_classifier

    texts, labels = ["很好", "好看", "很坏", "坏了"], ["好", "好", "坏", "坏"]
    model = make_pipeline(CountVectorizer(analyzer="char"), MultinomialNB()).fit(texts, labels)
    run_id = log_classifier(model, texts, labels, name="naive Bayes")
    row, _ = stored(db)
    assert (row["run_id"], row["name"], row["dev/accuracy"]) == (run_id, "naive Bayes", 1.0)
    assert queries.predictions(run_id, db=db)["prediction"].to_list() == labels
