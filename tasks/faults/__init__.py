"""What no user is to blame for: damage at rest, and a machine that is in the way."""
