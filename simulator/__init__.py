"""A stand-in for the instrument: cells, optics, electronics and faults, and recordings played back as it."""
