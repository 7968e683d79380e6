"""Axes made of a model's embedding, fixed for good, so that they are columns: to plot, filter, gate and export."""
