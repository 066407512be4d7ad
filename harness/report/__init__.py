"""Tables, formats and the site."""
