"""Answering again, or for the first time, for the events of stored runs and of recordings.

`finding` makes a recording a run with the windows of its events. `plan` says what is to be done for a run and checks
that it can be. `settling` makes images of a chunk of events and has them answered, with `batches` of them made of
windows or of what the run stored. Who does this is an `executor`: this process, or Dask's workers (`cluster`), who are
told a `job`. `making` writes what was settled, part by part; `batch` takes many runs and recordings.
"""
