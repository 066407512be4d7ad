"""Reports: tables in the terminal, answers in formats for programs, and the web pages."""
