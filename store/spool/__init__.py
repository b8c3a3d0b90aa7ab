"""The append-only files that runs write: lines, heartbeats, Parquet files beside them."""
