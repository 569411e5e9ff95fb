"""How far synthetic pairs are from real ones: distances, neighbourhoods, diversity, tests."""
