"""`python -m benchmarks.bad_inputs`."""

from benchmarks.bad_inputs import main

main()
