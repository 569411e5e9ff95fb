"""The command line: commands, what they print, and how they show progress."""
