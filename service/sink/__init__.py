"""Rows of all runs, copied to a PostgreSQL server that many instruments share.

`sealed` says what there is to copy, `csv_rows` turns a part into what the server reads, `tables` are the server's,
`postgres` copies one part in one transaction, and `copier` does so in the background, whatever becomes of the server.
"""
