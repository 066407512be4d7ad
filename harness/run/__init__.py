"""Performs a run: loads layouts into engines, checks answers, times questions and tests engines under load."""
