"""Experiment trackers that runs can be logged to."""
