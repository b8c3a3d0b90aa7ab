"""Words with hyphens stay on one line of a sentence, and nothing else is changed on the way to the browser."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.parts.inside import LONGEST_WORD, as_meant, unbroken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**tnews · mini-zh · lr 3e-4**", ["mini-zh", "3e-4"]),
        ("20261122-141530-7f3a is lost", ["20261122-141530-7f3a"]),
        (r"tnews · mini\-zh", [r"mini\-zh"]),
        (":gray-badge[roberta-wwm-ext]", ["roberta-wwm-ext"]),
        ("Johnson-Lindenstrauss and few-shot", ["Johnson-Lindenstrauss", "few-shot"]),
        ("模型-甲 wins", ["模型-甲"]),
    ],
)
def test_a_hyphenated_word_does_not_break(text, words):
    mended = text
    for word in words:
        mended = mended.replace(word, f":small[{word}]")
    assert unbroken(text) == mended != text


@pytest.mark.parametrize(
    "text",
    [
        "run `--resume 20261122-141530-7f3a`",
        "```\npip install scikit-learn\n```",
        "[docs](https://a-b.example/c-d?x=e-f)",
        "[a run](run?run=20261122-141530-7f3a)",
        "https://arxiv.org/abs/a-b-c",
        ":green-badge[ok] :material/arrow-back: :blue-background[x]",
        '<span style="background-color:#123456">dot</span>',
        r"$w^{t-i}$",
        "- a list\n- of two",
        "from - to – none -3",
        "| a | b |\n|---|---|",
        "x" * LONGEST_WORD + "-y",
    ],
)
def test_code_addresses_formulas_and_signs_stay_as_they_are(text):
    assert unbroken(text) == text


@pytest.mark.parametrize(
    ("element", "settings", "sent"),
    [
        ("markdown", {}, "lr :small[3e-4]"),
        ("alert", {}, "lr :small[3e-4]"),
        ("markdown", {"allow_html": True}, "lr 3e-4"),
        ("text", {}, "lr 3e-4"),
    ],
)
def test_only_elements_that_read_markdown_are_sent_with_it(element, settings, sent):
    message = ForwardMsg()
    proto = getattr(message.delta.new_element, element)
    for name, value in {"body": "lr 3e-4", **settings}.items():
        setattr(proto, name, value)
    as_meant(message)
    assert proto.body == sent
