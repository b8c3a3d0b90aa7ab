"""`latest` is the newest run that fits; anything else is part of an id."""

import pytest

from jobs import newest
from store import runs
from store.errors import StoreError
from store.ingest import ingest


def test_the_newest_that_fits_is_found_and_an_id_is_taken_as_it_is(tmp_path):
    db = tmp_path / "results.duckdb"
    ids = {}
    for name in ("clue", "whitening"):
        with runs.start(name, config={}, command="", config_hash=name, db=db, follow=False) as run:
            ids[name] = run.run_id
    ingest(db, force=True)

    def find(part, experiment):
        return newest.find(part, lambda run: run["experiment"] == experiment, what=f"one of {experiment}", db=db)

    assert find("latest", "clue")["run_id"] == ids["clue"]
    assert find("latest", "whitening")["run_id"] == ids["whitening"]
    assert find(ids["whitening"], "clue")["run_id"] == ids["whitening"]
    with pytest.raises(StoreError, match="none of the 2 newest runs is one of smoothing"):
        find("latest", "smoothing")


def test_of_an_empty_store_that_is_said(tmp_path):
    with pytest.raises(StoreError, match=r"no run stored in .*x\.duckdb yet"):
        newest.find("latest", lambda run: True, what="anything", db=tmp_path / "x.duckdb")
