"""The training loop: a generator of events that knows nothing of threads or pages."""
