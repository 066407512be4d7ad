"""The package `rollup_bench`; its subpackages are the folders at the top of the repository."""
