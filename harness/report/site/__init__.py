"""The published pages: asv's site made to work with no network, and a page of its own on the trade-offs."""
