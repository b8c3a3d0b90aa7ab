"""Values and ranges as they are typed."""

import pytest

from jobs import cli
from jobs.sweep.space import Choices, Range, parse


@pytest.mark.parametrize(
    ("words", "kind", "expected"),
    [
        (["1e-4", "3e-4"], "float", Choices((1e-4, 3e-4))),
        (["1e-4", "0.0001"], "float", Choices((1e-4,))),
        (["2", "3"], "int", Choices((2, 3))),
        (["modern", "blog"], "text", Choices(("modern", "blog"))),
        (["1e-5..1e-3:log"], "float", Range(1e-5, 1e-3, True, False)),
        (["0..0.3"], "open", Range(0, 0.3, False, False)),
        (["1..5"], "int", Range(1, 5, False, True)),
        (["0..1"], "float", Range(0, 1, False, False)),
        (["-1...5"], "float", Range(-1, 0.5, False, False)),
        (["../data"], "open", Choices(("../data",))),
        (["1..5"], "text", Choices(("1..5",))),
    ],
)
def test_words_become_choices_or_a_range(words, kind, expected):
    assert parse("lr", words, kind) == expected


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["1e-3..1e-5"], "float", "the range 1e-3..1e-5 is empty"),
        (["2..2"], "open", "the range 2..2 is empty"),
        (["0..1:log"], "float", "starts above 0"),
        (["0..1:linear"], "float", "may end in :log"),
        (["1..x"], "float", "a number at both ends"),
        (["0..inf"], "float", "finite ends"),
        (["1..2.5"], "int", "whole numbers"),
        (["1..2", "3"], "float", "a range stands alone"),
        ([], "float", "at least one value"),
        (["a", "b"], "float", "expected float, got a"),
        (["1.5", "2"], "int", "expected int, got 1.5"),
    ],
)
def test_what_is_no_value_is_refused(words, kind, message):
    with pytest.raises(cli.InputError, match=f"--learning-rate.*{message}"):
        parse("learning_rate", words, kind)
