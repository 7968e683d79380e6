"""The time stretch: events to line images, their contrasts and phase."""
