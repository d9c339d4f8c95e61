"""How long a run will take on this computer, and which run fits into a number of minutes."""
