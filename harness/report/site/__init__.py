"""The web site: asv's pages changed to work without a network, and the trade-offs page."""
