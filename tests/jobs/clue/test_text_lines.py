import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.can import tables
from jobs.clue.settings import pretrained_rate
from jobs.clue.tasks import task_file
from jobs.models import config_file
from jobs.sweep import words
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_text_file_that_a_user_brings_may_have_a_mark_and_any_line_ends(tmp_path, encoding, end):
    def bring(name, *lines):
        (tmp_path / name).write_bytes((end.join(lines) + end).encode(encoding))
        return tmp_path / name

    bring("data.csv", "文本,类别", "很好,是", "很差,否")
    task = bring("t.toml", 'name = "好坏"', 'kind = "classification"', 'fields = ["文本"]', 'train = "data.csv"')
    assert task_file.read(task).name == "好坏"
    assert words.read(bring("s.toml", 'job = "clue"', "[parameters]", 'note = "很好的"')).parameters["note"] == (
        "很好的",
    )
    assert config_file.read_json(bring("config.json", "{", '"说明": "一个很好的模型"', "}")) == {
        "说明": "一个很好的模型"
    }
    probs = bring("probs.csv", "很好,很差", "0.25,0.75", "0.5,0.5")
    assert tables.read_probs(probs).names == ("很好", "很差")
    assert [frame.to_numpy().tolist() for frame in tables.blocks(probs, 10)] == [[[0.25, 0.75], [0.5, 0.5]]]
    assert tables.read_frame(bring("bare.csv", "0.25,0.75", "0.5,0.5")).to_numpy().tolist() == [
        [0.25, 0.75],
        [0.5, 0.5],
    ]


OWN = {
    "jobs/benchmark.py", "jobs/benchmarks/own.py", "jobs/benchmarks/dashboard.py", "jobs/benchmarks/store_bars.py",
    "jobs/can/apply.py", "jobs/clue/data/own/encodings.py", "jobs/clue/started.py", "jobs/launch/queue.py",
    "jobs/submit.py", "jobs/sweep/children.py", "jobs/sweep/runners/local.py", "jobs/sweep/runners/slurm.py",
    "jobs/sweep/runners/task.py", "jobs/sweep/start.py", "jobs/text_lines.py", "jobs/whitening/export.py",
}  # fmt: skip
"""files that read text which this project, the kernel or SLURM has written, and the readers of what users bring"""


def test_text_of_users_goes_through_one_reader():
    root = Path(__file__).parents[3]
    reading = re.compile(r"\.read_text\(|\bopen\([^)]*encoding|read_bytes\(\)\.decode")
    found = {str(path.relative_to(root)) for path in (root / "jobs").rglob("*.py") if reading.search(path.read_text())}
    assert found <= OWN
