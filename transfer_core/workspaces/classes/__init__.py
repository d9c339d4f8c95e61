"""Classes: a teacher's room, who has joined it, what is seen of them, and when it is forgotten."""
