"""The light sheet: events to transmission images and volumes."""
