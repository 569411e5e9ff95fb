"""The record of everything measured: Delta tables, read with pandas and in SQL."""
