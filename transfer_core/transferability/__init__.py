"""Do the features of a network carry over to new images? Probes, estimates and advice."""
