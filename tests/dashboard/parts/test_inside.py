"""Words with hyphens stay on one line, numbers are printed with one minus sign, and nothing else is changed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.figures import words as said
from dashboard.figures.words import typeset
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
        "from - to – none",
        "| a | b |\n|---|---|",
        "x" * LONGEST_WORD + "-y",
    ],
)
def test_code_addresses_formulas_and_signs_stay_as_they_are(text):
    assert typeset(text) == unbroken(text) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("**-0.11 points** (95 % -0.34 to +0.12)", "**−0.11 points** (95\u00a0% −0.34 to +0.12)"),
        ("71% of [-1, -.5], x=-2, (-3)", "71\u00a0% of [−1, −.5], x=−2, (−3)"),
        ("lr 3e-4, mini-4, 7-13, 1-0.5 and p(x)-1", None),
        ("`-1 50%` $-1$ [a](b?x=-1&y=%20) https://a.b/%20-1 :red[-1]", ":red[−1]"),
        ('<span style="left:-1px;width:50%">-1</span>', ">−1<"),
    ],
)
def test_numbers_are_printed_with_a_minus_sign_and_a_space_before_percent(text, printed):
    found = typeset(text)
    if printed is None:
        assert found == text
    else:
        assert printed in found
        assert found.replace("−", "-").replace("\u00a0%", "%").replace(" %", "%") == text.replace(" %", "%")
        assert found.count("−") == printed.count("−")
    assert typeset(found) == found


@given(st.text() | st.text(" -%5.:度`$", max_size=12))
@example("涨5%，降 -3")
def test_a_text_of_the_data_is_shown_as_it_is(text):
    assert typeset(said.plain(text)) == said.plain(text)


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


def test_every_text_that_people_read_is_printed_so_and_no_value_of_a_widget():
    message = ForwardMsg()
    metric = message.delta.new_element.metric
    metric.body, metric.delta, metric.label = "-1.5 points", "-3%", "![a](b) -1"
    as_meant(message)
    assert (metric.body, metric.delta, metric.label) == ("−1.5 points", "−3\u00a0%", "!\\[a](b) −1")
    message = ForwardMsg()
    picker = message.delta.new_element.selectbox
    picker.label, picker.options[:] = "from -1", ["-1", "50%"]
    as_meant(message)
    assert (picker.label, list(picker.options)) == ("from −1", ["-1", "50%"])


@pytest.mark.parametrize(("own", "shown"), [(None, "–"), ("", ""), ("none", "none")])
def test_an_empty_cell_is_a_dash_where_the_page_says_nothing_else(own, shown):
    message = ForwardMsg()
    table = message.delta.new_element.dataframe
    table.alt = "a table"
    if own is not None:
        table.placeholder = own
    as_meant(message)
    assert table.placeholder == shown
