"""Streams of tables: CSV, Parquet and data frames, cut into windows."""
