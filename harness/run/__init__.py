"""Performs a run: loads the arms, checks their answers, times the rounds and measures engines under load."""
