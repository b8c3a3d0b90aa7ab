"""What the spools of running jobs say beyond the published version."""

from store import queries
from store.ingest import ingest
from store.paths import locate


def test_running_jobs_show_their_progress_before_it_is_published(start, db):
    with start() as run, start() as other:
        ingest(db, force=True)
        assert queries.runs(db=db)["progress"].to_list() == [0.0, 0.0]
        run.progress(0.25, eta_s=30.0)
        run.progress(1.0, eta_s=0.0)
        run.log({"train/loss": 0.5}, step=1)
        with locate(db).spool_file(run.run_id).open("ab") as file:
            file.write(b'{"beat":0.5,"eta_s":99.0,"ela')  # torn: not heard
        rows = {row["run_id"]: row for row in queries.runs(db=db).to_dicts()}
        assert (rows[run.run_id]["progress"], rows[run.run_id]["eta_s"]) == (1.0, 0.0)
        assert (rows[other.run_id]["progress"], rows[other.run_id]["eta_s"]) == (0.0, None)
