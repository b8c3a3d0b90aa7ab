"""The page of a run tries a sentence on its model: one question a box, an answer with probabilities, or a sentence."""

import shlex

import pytest

from dashboard.parts.runs import answering, try_sentence
from engine.text.tasks import get_task


@pytest.fixture(scope="module")
def asked(own_task):
    """The database, a run and the process that has its model, which the page asks too: it takes seconds to begin."""
    db, (*_, run_id) = own_task
    process = answering.answering(run_id, db)
    yield db, run_id, process
    process.stop()


def test_a_typed_sentence_is_answered(open_page, asked):
    db, run_id, process = asked
    at = open_page("run", db, run=run_id, run_tab="Try it")
    assert not at.exception
    command = f"CLUEBOARD_DB={shlex.quote(str(db))} python -m jobs.predict --run {run_id}"
    assert any(command in item.value for item in at.caption)
    (box,) = [item for item in at.text_input if item.key == "run_try_投诉"]
    box.set_value("快递怎么还没有送到")
    at.button(key=next(item.key for item in at.button if item.label == "Answer")).click().run(timeout=120)
    assert not at.exception
    assert any("物流" in item.value and "confidence" in item.value for item in at.markdown)
    (frame,) = [item.value for item in at.dataframe if list(item.value.columns) == ["answer", "probability"]]
    assert frame["answer"].iloc[0] == "物流"
    assert frame["probability"].sum() == pytest.approx(1, abs=1e-4)
    assert process.lives


def test_one_process_answers_again_and_says_what_is_wrong(asked):
    db, run_id, process = asked
    assert answering.answering(run_id, db) is process
    for text, label in (("退款没有到账", "退款"), ("屏幕坏了", "质量")):
        (answer,) = process.ask({"投诉": text})
        assert answer["prediction"] == label
    with pytest.raises(ValueError, match="no field 'x'"):
        process.ask({"x": "y"})
    assert process.ask({"投诉": "还在"})
    with pytest.raises(ValueError, match="none-such"):
        answering.Answering("none-such", db)


def test_a_run_without_a_model_says_so(open_page, filled_store):
    at = open_page("run", filled_store, run="latest", run_tab="Try it")
    assert any("kept no model" in item.value for item in at.info), [item.value for item in at.info]


def test_choices_are_named_and_ranked():
    answer = {"prediction": "1", "probabilities": {"0": 0.2, "1": 0.8, "2": 0.0}, "fields": {"choice": ["甲", "乙"]}}
    frame = try_sentence.bars(get_task("c3"), answer)
    assert frame.rows() == [("乙", 0.8), ("甲", 0.2)]
