"""Data of one's own: tables in any usual format, their columns as examples, a split where there is none."""
