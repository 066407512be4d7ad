"""Events of a mobile game over ten years, at any size, from a seed."""
