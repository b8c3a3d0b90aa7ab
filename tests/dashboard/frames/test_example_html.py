"""One stored example as HTML."""

import json
from dataclasses import replace

from dashboard.frames import example_html
from engine.text.tasks import get_task


def test_a_question_without_a_passage_stands_in_one_box():
    c3 = get_task("c3")
    fields = {"passage": ["他叫小明。"], "question": "谁？", "choice": ["小明", "小红"]}
    boxes = []
    for spec, kept in ((c3, fields), (replace(c3, fields=c3.fields[1:]), {k: fields[k] for k in c3.fields[1:]})):
        shown = example_html.render(json.dumps(kept), spec, label="0", predictions=["1"])
        assert "小红" in shown
        boxes.append(shown.count("flex:1 1"))
    assert boxes == [2, 1]
