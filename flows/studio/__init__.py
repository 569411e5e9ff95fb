"""The interactive page: pairs made, looked at, kept and browsed; its session knows no NiceGUI."""
