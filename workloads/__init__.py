"""Events, datasets, questions, layouts and the truth. Nothing here knows an engine."""
