"""What is kept of runs: a folder each, and the questions it answers."""
