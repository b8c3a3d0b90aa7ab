"""The data that the benchmark of people's own data makes are what it says."""

from jobs.benchmarks import own
from jobs.clue.data import sources
from jobs.clue.tasks import task_file
from store import queries
from store.importers.into_spools import import_from


def test_its_task_and_its_store_are_whole(tmp_path):
    data = sources.load(task_file.read(own.csv_task(tmp_path, 300)))
    assert (len(data.train) + len(data.dev), len(data.spec.labels)) == (300, 15)
    db = tmp_path / "r.duckdb"
    done = import_from(own.mlflow_store(tmp_path / "mlflow.db", runs=3, points=20), db=db)
    assert (len(done.new), done.left_out) == (3, {})
    assert queries.table_of_run("metrics", done.new[0], db=db).height == 20
