#!/bin/sh
# Becomes the program of the job, so that SLURM's signals go to it. A stop that comes before the
# program listens is ignored here; the file STOP tells it again.
trap '' USR1
exec "$@"
