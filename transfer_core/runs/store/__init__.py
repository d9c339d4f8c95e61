"""What is stored of runs: records, event logs and the files of each run."""
