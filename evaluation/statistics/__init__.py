"""Intervals and tests whose unit is the patient."""
