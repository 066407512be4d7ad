"""Drafts dataset files from data files: finds how the files are written, and the roles of their columns."""
