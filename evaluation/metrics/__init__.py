"""What each score is called, its unit, its direction, its controls and what it needs."""
