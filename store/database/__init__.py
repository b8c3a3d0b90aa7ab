"""The DuckDB side: connections, schema, ingest's tables, publishing."""
