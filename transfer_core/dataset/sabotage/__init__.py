"""The sabotage lab: put a known flaw into a data set, and keep the key until somebody guessed."""
