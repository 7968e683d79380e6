"""Work on stored runs that somebody asks the service for: each done by a process of its own, one at a time.

`status` says what a task is and how far; `board` starts, watches and ends their processes; `child` is what such a
process tells the board, and how it ends with the service.
"""
