import pytest

from store.aside import written_whole


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with written_whole(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def fail_halfway(path, error):
    with written_whole(path, name="work.duckdb.new") as aside:
        aside.write_text("half")
        aside.with_name("work.duckdb.new.wal").write_text("its log")
        raise error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "work.duckdb"
    path.write_text("old")
    with pytest.raises(type(error)):
        fail_halfway(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_under_the_name_is_not_in_the_new_file(tmp_path):
    left = tmp_path / "work.duckdb.new"
    left.write_text("left by a kill")
    with written_whole(tmp_path / "work.duckdb", name=left.name, synced=False) as aside:
        assert not aside.exists()
        aside.write_text("new")
    assert (tmp_path / "work.duckdb").read_text() == "new"
