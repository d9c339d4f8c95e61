"""How runs are carried out: queue, executors, recovery after a crash."""
