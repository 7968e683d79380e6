"""Runs while they last: armed, acquired, drained, and every event accounted for."""
