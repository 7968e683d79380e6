"""Gates: named regions of what was measured of a run's cells.

- `gate`: what a gate is; `scales` the axes it is drawn on
- `conditions`: gates as conditions of a query
- `book`: the gates of one run, with every version of each
- `where`: the filter language, in which gates may be named
- `read_gatingml`, `write_gatingml`: gates from and for other programs
"""
