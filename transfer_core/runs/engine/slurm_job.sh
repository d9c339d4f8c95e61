#!/bin/sh
# Becomes the program of the job, so that SLURM's signals go to it. A stop that comes before the
# program listens is ignored here; the file STOP tells it again.
# Arguments: the program. Of an array, in the folder of runs: the number of tasks, for each its run
# and attempt, and the program without them.
trap '' USR1
if [ -n "$SLURM_ARRAY_TASK_ID" ]; then
  tasks=$1
  shift $((1 + 2 * SLURM_ARRAY_TASK_ID))
  run=$1 attempt=$2
  shift $((2 * (tasks - SLURM_ARRAY_TASK_ID)))
  cd "$run" && exec >>run.log 2>&1 || exit 1
  set -- "$@" "$run" "$attempt"
fi
exec "$@"
