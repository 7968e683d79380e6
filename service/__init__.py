"""What the lab talks to: `run` is one acquisition, its request, its state and its ledger."""
