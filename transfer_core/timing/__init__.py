"""How long a run will take on this computer, told before it, and runs fitted into a time."""
