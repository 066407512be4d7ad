"""What is asked: events, datasets, questions, layouts and the truth. Knows no engine."""
