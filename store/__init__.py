"""The only place with SQL: spools, ingest, publish, and reads that return polars frames."""
