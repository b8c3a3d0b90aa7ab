"""Imports that cannot be taken."""

import pytest

from store.errors import StoreError
from store.importers.into_spools import import_from


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing", None, "is not there"),
        ("x.tfevents", b"hello world, no event file", "is not a TensorBoard event file"),
        ("x.db", b"SQLite format 3\0" + b"\0" * 100, "cannot read"),
        ("empty", "folder", "no tensorboard run found"),
    ],
)
def test_bad_imports_leave_the_store_untouched(tmp_path, name, content, message):
    source = tmp_path / name
    if content == "folder":
        source.mkdir()
    elif content is not None:
        source.write_bytes(content)
    with pytest.raises(StoreError, match=message):
        import_from(source, db=tmp_path / "r.duckdb")
    assert not (tmp_path / "r").exists()
