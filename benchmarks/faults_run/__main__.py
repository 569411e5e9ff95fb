"""`python -m benchmarks.faults_run`."""

from benchmarks.faults_run import main

main()
