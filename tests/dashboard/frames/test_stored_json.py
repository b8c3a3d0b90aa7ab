"""What the store keeps as JSON can be shown: half of an emoji stops no page."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures import tables, words
from dashboard.frames import example_html, stored_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters() | st.sampled_from("\\ud")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, st.booleans())
def test_whole_text_is_read_as_it_is(value, ensure_ascii):
    assert stored_json.read(json.dumps(value, ensure_ascii=ensure_ascii)) == value


@pytest.mark.parametrize(
    ("text", "value"), [(r'"花\ud83d"', "花?"), (r'["\uDE00a"]', ["?a"]), (r'{"\ud83d": 1}', {"?": 1})]
)
def test_half_an_emoji_is_a_question_mark(text, value):
    assert stored_json.read(text) == value


def test_half_an_emoji_can_be_shown_wherever_stored_json_is():
    fields = json.dumps({"sentence": "花\ud83d"})
    for shown in (words.setting('"花\\ud83d"'), example_html.render(fields, None), tables.readable_text(fields)):
        assert "花?" in shown
        shown.encode()
