"""What stands in the way of work: damage at rest, a machine, and whoever presses Ctrl-C."""
