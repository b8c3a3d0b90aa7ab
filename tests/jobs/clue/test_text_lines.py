import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.clue.settings import pretrained_rate
from jobs.text_lines import lines_of, read_lines


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))),
    st.sampled_from(["\n", "\r\n"]),
)
def test_row_i_is_line_i(lines, end):
    assert lines_of("".join(line + end for line in lines)) == lines


def test_marks_and_line_separators_of_unicode_are_no_line_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff一\u2028二\r\n\r\n三".encode())
    assert read_lines(path) == ["一\u2028二", "", "三"]


@pytest.mark.parametrize(("width", "rate"), [(128, 5e-4), (256, 5e-4), (768, 2e-5), (1024, 2e-5)])
def test_the_learning_rate_falls_with_the_width(width, rate):
    assert pretrained_rate(width) == pytest.approx(rate)
    assert pretrained_rate(512) < pretrained_rate(312) < 5e-4
