"""Follows a stream of events into engines while questions are asked, and checks what each answer contains."""
