"""Answering again, or for the first time, for the events of a run whose windows are stored.

`plan` says what is to be done and checks that it can be, `batches` makes images of events again or reads the stored
ones, `answering` has them answered by workers, and `making` writes the result set, part by part.
"""
