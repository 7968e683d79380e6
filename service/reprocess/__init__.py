"""Answering again, or for the first time, for the events of a run whose windows are stored.

`plan` says what is to be done and checks that it can be. `settling` makes images of a chunk of events and has them
answered, with `batches` of them made of windows or of what the run stored. Chunks are settled in this process (`local`)
or by Dask's workers (`cluster`), who are told a `job`; `making` writes what they settled, part by part.
"""
