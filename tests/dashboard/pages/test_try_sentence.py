"""The page of a run tries a sentence on its model: one question a box, an answer with probabilities, or a sentence."""

import csv

import pytest

from dashboard.parts.runs import answering, try_sentence
from engine.text.tasks import get_task
from jobs.clue import start
from jobs.clue.config import Config
from store import queries

TEXTS = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """An n-gram run of a task of one's own."""
    folder = tmp_path_factory.mktemp("own")
    with (folder / "data.csv").open("w", encoding="gbk", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["投诉", "类别"])
        writer.writerows([f"{text}，订单{i}号", label] for i in range(40) for label, text in TEXTS.items())
    (folder / "mine.toml").write_text(
        'name = "complaints"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\ntrain = "data.csv"\n',
        encoding="utf-8",
    )
    path = folder / "x.duckdb"
    start.run(Config(task=(str(folder / "mine.toml"),), model="ngram", db=path))
    queries.refresh(db=path)
    return path


def test_a_typed_sentence_is_answered(open_page, db):
    at = open_page("run", db, run="latest", run_tab="Try it")
    assert not at.exception
    (box,) = [item for item in at.text_input if item.key == "run_try_投诉"]
    box.set_value("快递怎么还没有送到")
    at.button(key=next(item.key for item in at.button if item.label == "Answer")).click().run(timeout=120)
    assert not at.exception
    assert any("物流" in item.value and "confidence" in item.value for item in at.markdown)
    (frame,) = [item.value for item in at.dataframe if list(item.value.columns) == ["answer", "probability"]]
    assert frame["answer"].iloc[0] == "物流"
    assert frame["probability"].sum() == pytest.approx(1, abs=1e-4)


def test_one_process_answers_again_and_says_what_is_wrong(db):
    run_id = queries.runs(db=db)["run_id"][0]
    model = answering.Answering(run_id, db)
    try:
        for text, label in (("退款没有到账", "退款"), ("屏幕坏了", "质量")):
            (answer,) = model.ask({"投诉": text})
            assert answer["prediction"] == label
        with pytest.raises(ValueError, match="no field 'x'"):
            model.ask({"x": "y"})
        assert model.ask({"投诉": "还在"})
    finally:
        model.stop()
    with pytest.raises(ValueError, match="none-such"):
        answering.Answering("none-such", db)


def test_a_run_without_a_model_says_so(open_page, filled_store):
    at = open_page("run", filled_store, run="latest", run_tab="Try it")
    assert any("kept no model" in item.value for item in at.info), [item.value for item in at.info]


def test_choices_are_named_and_ranked():
    answer = {"prediction": "1", "probabilities": {"0": 0.2, "1": 0.8, "2": 0.0}, "fields": {"choice": ["甲", "乙"]}}
    frame = try_sentence.bars(get_task("c3"), answer)
    assert frame.rows() == [("乙", 0.8), ("甲", 0.2)]
