"""Rows of all runs, copied to where many instruments share them: a PostgreSQL server, or a folder of files anywhere.

`sealed` says what there is to copy, and `copier` does so in the background, whatever becomes of the sink that `opening`
gives it. `postgres` copies one part in one transaction, of which `binary_rows` makes what the server reads, `tables`
are the server's, and `kinds` says what their columns are; `files` puts one part into a folder or an object store.
"""
