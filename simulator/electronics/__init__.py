"""From light to counts: laser, detector, amplifier and converter, in the order of specification C."""
