"""From what flows to light: the forward models of the two instruments, with their defects."""
