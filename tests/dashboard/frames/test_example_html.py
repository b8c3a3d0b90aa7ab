"""One stored example as HTML."""

import json
from dataclasses import replace

from dashboard.frames import example_html
from engine.text.tasks import get_task


def test_one_answer_is_the_prediction_and_two_are_told_apart():
    fields = json.dumps({"context": "北京是首都。", "question": "哪里？"})
    one, two = (
        example_html.render(fields, get_task("cmrc2018"), predictions=said) for said in (["北京"], ["北京", "首都"])
    )
    assert "predicted:" in one
    assert all(f"predicted by {who}:" in two for who in "AB")


def test_a_question_without_a_passage_stands_in_one_box():
    c3 = get_task("c3")
    fields = {"passage": ["他叫小明。"], "question": "谁？", "choice": ["小明", "小红"]}
    boxes = []
    for spec, kept in ((c3, fields), (replace(c3, fields=c3.fields[1:]), {k: fields[k] for k in c3.fields[1:]})):
        shown = example_html.render(json.dumps(kept), spec, label="0", predictions=["1"])
        assert "小红" in shown
        boxes.append(shown.count("flex:1 1"))
    assert boxes == [2, 1]
