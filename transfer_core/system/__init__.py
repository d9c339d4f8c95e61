"""What the machine offers: data folder, devices, precision, threads, memory and disk."""
