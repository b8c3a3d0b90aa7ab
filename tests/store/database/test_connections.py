"""Opening databases."""

import duckdb
import pytest

from store.database.connections import open_file
from store.errors import StoreError


def test_open_work_refuses_what_is_no_store(tmp_path):
    path = tmp_path / "other.duckdb"
    con = duckdb.connect(str(path))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    with pytest.raises(StoreError, match="not a store of clueboard"):
        open_file(path)
