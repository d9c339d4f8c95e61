"""What the machine offers: its data folder, devices, precision, threads, memory and disk."""
