"""What is drawn for people: evaluations and recordings, as pages and pictures."""
