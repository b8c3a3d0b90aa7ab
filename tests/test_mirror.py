"""Every module of engine and store has the test file of its name, or a line here names that of it or its folder."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTED_IN = {
    "engine/can/methods.py": "engine/can/test_correct.py",
    "engine/can/multi_label.py": "engine/can/test_gain_map.py",
    "engine/embeddings/intrinsic_dimension.py": "engine/embeddings/test_streaming.py",
    "engine/evidence/power.py": "engine/evidence/test_seeds_power_verdict.py",
    "engine/evidence/seeds.py": "engine/evidence/test_seeds_power_verdict.py",
    "engine/evidence/validation.py": "engine/can/test_correct.py",
    "engine/evidence/verdict.py": "engine/evidence/test_seeds_power_verdict.py",
    "engine/model/families": "jobs/models/test_families.py",
    "engine/model/padded.py": "jobs/models/test_families.py",
    "engine/names.py": "jobs/test_cli.py",
    "engine/smoothing/kernels.py": "engine/smoothing/test_convolution.py",
    "engine/smoothing/quadrature.py": "engine/smoothing/test_convolution.py",
    "engine/text/csl.py": "engine/text/test_classification.py",
    "engine/text/decode.py": "engine/text/test_span.py",
    "engine/text/encode.py": "engine/text/test_span.py",
    "store/checking.py": "store/test_ingest.py",
    "store/database/keeping.py": "store/test_last_copy.py",
    "store/database/measured.py": "store/test_queries.py",
    "store/database/tables.py": "store/test_ingest.py",
    "store/errors.py": "store/test_sandbox.py",
    "store/exporters/mlflow.py": "peers/test_exports.py",
    "store/exporters/outgoing.py": "peers/test_exports.py",
    "store/exporters/tensorboard.py": "peers/test_exports.py",
    "store/exporters/to_trackers.py": "peers/test_exports.py",
    "store/exporters/trackio.py": "peers/test_exports.py",
    "store/importers/records.py": "store/importers/test_into_spools.py",
    "store/importers/sqlite.py": "store/importers/test_mlflow.py",
    "store/importers/wandb.py": "peers/test_imports.py",
    "store/importers/wandb_records.py": "peers/test_imports.py",
    "store/integrations/accelerate.py": "store/integrations/test_integrations.py",
    "store/integrations/lightning.py": "store/integrations/test_integrations.py",
    "store/integrations/sklearn.py": "store/integrations/test_integrations.py",
    "store/integrations/transformers.py": "store/integrations/test_integrations.py",
    "store/left_out.py": "store/tracking/test_session.py",
    "store/leftovers.py": "store/test_upkeep.py",
    "store/spool/gathering.py": "store/test_ingest.py",
    "store/spool/heartbeat.py": "store/spool/test_file.py",
    "store/spool/packing.py": "store/test_trust.py",
    "store/spool/parquet.py": "store/test_runs.py",
    "store/spool/parsing.py": "store/test_ingest.py",
    "store/spool/watched.py": "jobs/sweep/test_sweep.py",
    "store/subprocesses.py": "store/test_last_copy.py",
    "store/tracking/answers.py": "store/tracking/test_session.py",
    "store/tracking/console.py": "store/tracking/test_session.py",
    "store/tracking/environment.py": "store/tracking/test_session.py",
    "store/tracking/files.py": "store/tracking/test_session.py",
    "store/tracking/missing.py": "store/tracking/test_session.py",
    "store/tracking/parent.py": "store/tracking/test_session.py",
    "store/tracking/resuming.py": "store/tracking/test_session.py",
    "store/tracking/system_metrics.py": "store/tracking/test_session.py",
}


def modules() -> list[str]:
    found = [path for package in ("engine", "store") for path in sorted((ROOT / package).rglob("*.py"))]
    return [path.relative_to(ROOT).as_posix() for path in found if path.stem not in ("__init__", "__main__")]


def own_test(module: str) -> Path:
    path = Path(module)
    return ROOT / "tests" / path.parent / f"test_{path.stem}.py"


def test_every_module_has_its_test_file_or_a_line_here():
    named = {name for name in modules() for place in (name, str(Path(name).parent)) if place in TESTED_IN}
    assert [name for name in modules() if not own_test(name).exists() and name not in named] == []


def test_the_lines_are_needed_and_name_files_that_exist():
    for module, where in TESTED_IN.items():
        assert (ROOT / module).exists(), module
        assert not own_test(module).exists(), f"{module} has a test file of its own now"
        assert (ROOT / "tests" / where).is_file(), where
