"""Store runs: their records, event logs and files."""
