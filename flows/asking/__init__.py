"""Pairs asked for one by one, of a trained model: in the studio and in Python."""
