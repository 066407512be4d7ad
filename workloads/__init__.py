"""Events, datasets, questions, layouts and their right answers. No module of this package imports an engine."""
