"""Rows that people type become examples of every kind of task, or one sentence."""

import pytest

from engine.text.tasks import get_task
from jobs import typed_fields
from jobs.cli import InputError

WORDS = ["一心一意", "三心二意"]


@pytest.mark.parametrize(
    ("name", "values", "fields"),
    [
        ("tnews", {"sentence": "标题"}, [{"sentence": "标题"}]),
        ("cmrc2018", {"context": "甲在乙。", "question": "在哪？"}, [{"context": "甲在乙。", "question": "在哪？"}]),
        ("csl", {"keyword": ["网络"], "abst": "摘要"}, [{"keyword": ["网络"], "abst": "摘要"}]),
        (
            "c3",
            {"passage": ["甲说"], "question": "谁？", "choice": ["甲", "乙"]},
            [{"passage": ["甲说"], "question": "谁？", "choice": ["甲", "乙"]}],
        ),
        (
            "chid",
            {"content": "他____，她#idiom#。", "candidates": WORDS},
            [
                {"content": "他#idiom000000#，她#idiom000001#。", "blank": f"#idiom{n:06d}#", "candidates": WORDS}
                for n in range(2)
            ],
        ),
        (
            "cluewsc2020",
            {"text": "他们说他来了", "target": ["他们", "他"]},
            [
                {
                    "text": "他们说他来了",
                    "target": {"span1_text": "他们", "span1_index": 0, "span2_text": "他", "span2_index": 3},
                }
            ],
        ),
    ],
)
def test_every_kind_of_row_can_be_typed(name, values, fields):
    assert [example.fields for example in typed_fields.examples(get_task(name), values)] == fields


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("tnews", {}, "the field 'sentence' is missing"),
        ("tnews", {"sentenc": "x"}, "no field 'sentenc'; did you mean 'sentence'"),
        ("tnews", {"sentence": " "}, "needs a text"),
        ("tnews", {"sentence": 3}, "needs a text, got 3"),
        ("c3", {"passage": "x", "question": "y", "choice": ["甲"]}, "at least two choices, got 1"),
        ("chid", {"content": "没有空", "candidates": WORDS}, "write each as ____"),
        ("cluewsc2020", {"text": "他们来了", "target": ["他们", "他"]}, "'他' does not stand in the text by itself"),
        ("csl", {"keyword": [], "abst": "x"}, "needs a list of texts"),
    ],
)
def test_what_is_no_row_is_one_sentence(name, values, said):
    with pytest.raises(InputError, match=said):
        typed_fields.examples(get_task(name), values)
