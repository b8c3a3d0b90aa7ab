"""The command that holds stored runs against published scores."""

import pytest

from engine.text.tasks import OFFICIAL_DEV
from jobs import cli, reproduce
from store import runs
from store.ingest import ingest


def store_seeds(db, scores, fingerprint):
    for seed, value in enumerate(scores):
        fields = {"task": "cluewsc2020", "model": "base", "recipe": "modern", "data_source": "files"}
        with runs.start(
            "clue", config={}, command="", config_hash="h", db=db, seed=seed, dev_fingerprint=fingerprint, **fields
        ) as run:
            run.summary({"dev/accuracy": value})
    ingest(db, wait=5, force=True)


def table(db, capsys, **flags):
    reproduce.run(reproduce.Config(db=db, **flags))
    return capsys.readouterr().out.splitlines()


def test_configurations_stand_beside_the_figures_of_one_published_model(tmp_path, capsys):
    store_seeds(tmp_path / "r.duckdb", [0.7862, 0.7863, 0.7861], OFFICIAL_DEV["cluewsc2020"])
    lines = table(tmp_path / "r.duckdb", capsys)
    assert lines[0].startswith("| task | measured here | seeds |")
    told = next(line for line in lines if "BERT-base 78.62" in line)
    assert told.startswith("| cluewsc2020 | base, modern | 3 | 78.62 |")
    assert "Reproduced: within 0.5 points" in told
    assert all(
        "Undecided" in line for line in table(tmp_path / "r.duckdb", capsys, margin=0.01) if "BERT-base 78.62" in line
    )


def test_other_data_are_not_compared(tmp_path, capsys):
    store_seeds(tmp_path / "r.duckdb", [0.786, 0.787, 0.785], "0" * 64)
    lines = table(tmp_path / "r.duckdb", capsys)
    assert len(lines) > 2
    assert all("Not compared" in line for line in lines[2:])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"against": "BERT-bse"}, "did you mean 'BERT-base'"),
        ({"task": ("cluewsc",)}, "unknown task 'cluewsc'; did you mean 'cluewsc2020'"),
        ({"margin": 0}, "--margin is in points"),
        ({}, "no finished run with a dev score"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(tmp_path, flags, message):
    with runs.start("can", config={}, command="", config_hash="h", db=tmp_path / "r.duckdb"):
        pass
    with pytest.raises(cli.InputError, match=message):
        reproduce.run(reproduce.Config(db=tmp_path / "r.duckdb", **flags))
