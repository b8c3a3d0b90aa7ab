"""A run is cited with what repeats it."""

from datetime import UTC, datetime

from dashboard.reports import citation

RUN = {
    "run_id": "20261122-141530-7f3a",
    "started_at": datetime(2026, 11, 22, 14, 15, tzinfo=UTC),
    "command": "python -m jobs.clue --task tnews --note 'a {b} 100% ~^'",
    "git_commit": "abc123",
    "git_dirty": True,
    "dataset": "tnews",
    "data_source": "files",
    "train_fingerprint": "aaaa",
    "dev_fingerprint": "bbbb",
    "seed": 0,
}


def test_a_citation_names_command_commit_and_data():
    text = citation.bibtex(RUN, "tnews · tiny")
    assert text.startswith("@misc{clueboard-20261122-141530-7f3a,\n  title = {tnews · tiny},")
    assert (
        r"command = {python -m jobs.clue --task tnews --note 'a  b  100\% \textasciitilde{}\textasciicircum{}'}" in text
    )
    assert "commit = {abc123 with uncommitted changes}" in text
    assert "data = {tnews (files): train aaaa dev bbbb}" in text
    assert "seed = {0}" in text


def test_what_is_not_known_is_left_out_and_braces_stay_balanced():
    text = citation.bibtex({"run_id": "r", "started_at": None, "command": "}} {"}, "{")
    assert "commit" not in text
    assert "data =" not in text
    assert text.count("{") == text.count("}")
