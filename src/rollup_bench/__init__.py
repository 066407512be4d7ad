"""The package: the folders at the top of the repository under one name."""
