"""What is fast: each stage beside what a user would use instead, and beside the machine's limit, in one run."""
