"""Tables that grow: sealed Parquet parts, a log of the newest rows, and the rows themselves."""
