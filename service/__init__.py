"""What the lab talks to.

- `run`: one acquisition, its request, its state and its ledger; `status` is what a service shows of itself
- `runs`: runs while they last; `control` starts, watches and ends them, `arming`, `pipeline` and `job` are a run put
  together, its stages, and its life
- `gates`: filters, and named regions of what was measured
- `store`: what is kept; `run_folder` is a run on disk, `cell_query` and `where` the questions to it, `catalogue` all
  runs of a data folder
- `export`: a run in the formats of other programs
- `report`: pages and pictures of evaluations and recordings
- `api`, `dashboard`, `cli`, `settings`: how people reach it
- `client`: a service asked from Python
- `errors`: what can go wrong
"""
