"""Panels of the demo page: each turns records into HTML and does nothing else."""
