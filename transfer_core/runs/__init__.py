"""Runs: their records, event logs, queue, directories, and the engine that drives them."""
