"""Perform runs: queue, executors, recovery after a crash."""
