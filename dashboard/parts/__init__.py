"""What several pages show: headings, tables, pickers and controls."""
