"""What the lab talks to.

- `control`: starts, watches and ends runs; `status` is what it shows
- `run`: one acquisition, its request, its state and its ledger
- `arming`, `pipeline`, `job`: a run put together, its stages, and its life; `intake`, `edge`, `ledger` and `meters` are
  what the stages are made of
- `run_folder`: a run on disk; `window_store`, `image_store`, `part_table` and `run_files` are its parts, `cell_query`
  and `where` the questions to it, `catalogue` all runs of a data folder
- `truth`, `outcomes`: what became of the true cells, where they are known
- `api`, `dashboard`, `cli`, `settings`: how people reach it
- `errors`: what can go wrong
"""
