"""The web site: the pages about runs, and asv's own pages changed to work without a network."""
