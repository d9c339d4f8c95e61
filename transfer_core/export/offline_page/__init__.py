"""A trained network as one HTML page that opens from disk and needs no connection."""
