"""What people saved by name: queries of the SQL page and views of the Runs page.

A JSON file of each kind beside the database, written whole and renamed into place.
"""

import json
import os
import tempfile
from pathlib import Path

EXAMPLES = {
    "Best dev accuracy per task and model": """SELECT task, data_source, model, recipe, count(*) AS runs,
    max(value) AS accuracy
FROM runs JOIN summary USING (run_id)
WHERE summary.name = 'dev/accuracy' AND isfinite(value) AND status = 'finished' AND NOT archived
GROUP BY ALL ORDER BY task, data_source, accuracy DESC""",
    "Mean and sd over seeds": """SELECT task, data_source, metric, model, recipe, n, mean, sd, best
FROM leaderboard WHERE split = 'dev' AND n > 1 ORDER BY task, data_source, metric, mean DESC""",
    "Loss of the newest run": """SELECT step, name, value
FROM metrics
WHERE run_id = (SELECT max(run_id) FROM runs) AND name LIKE '%/loss' ORDER BY step""",
    "Most confident wrong predictions": """SELECT p.run_id, p.label, p.prediction, p.confidence, e.text
FROM predictions p JOIN examples e USING (split, example_id, hash)
WHERE p.label <> p.prediction ORDER BY p.confidence DESC LIMIT 100""",
    "Runs and hours per day": """SELECT started_at::DATE AS day, experiment, count(*) AS runs,
    sum(duration_s) / 3600 AS hours
FROM runs GROUP BY ALL ORDER BY day""",
    "Parameters that a task's runs differ in": """SELECT p.name, count(DISTINCT p.value) AS different
FROM params p JOIN runs r USING (run_id)
WHERE r.task = 'afqmc' GROUP BY p.name HAVING different > 1 ORDER BY different DESC""",
    "Published dev figures beside measured ones": """SELECT task, metric, model, 'published' AS kind, value
FROM published WHERE split = 'dev'
UNION ALL
SELECT task, metric, model, 'measured on ' || data_source, mean FROM leaderboard
WHERE split = 'dev' AND metric IN (SELECT metric FROM published)
ORDER BY task, metric, value DESC""",
}
"""Queries that everybody finds on the page."""


def _file(folder: Path, kind: str) -> Path:
    return folder / f"saved_{kind}.json"


def load(folder: Path, kind: str = "queries") -> dict[str, str]:
    """Name -> what was saved beside a store (`queries` or `views`); nothing where the file is missing or damaged."""
    try:
        found = json.loads(_file(folder, kind).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def save(folder: Path, name: str, text: str | None, kind: str = "queries") -> None:
    """Keep a statement or view under a name; None forgets the name."""
    kept = load(folder, kind)
    if text is None:
        kept.pop(name, None)
    else:
        kept[name] = text
    folder.mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=folder, prefix=f".saved_{kind}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dict(sorted(kept.items())), file, ensure_ascii=False, indent=1)
    Path(path).replace(_file(folder, kind))
