"""Generates the events of a fictional mobile game over ten years, in any number, from a random seed."""
