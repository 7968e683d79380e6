"""The line as a process of its own: no request that is answered, and no viewer, takes Python from it."""
