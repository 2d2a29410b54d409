"""What is to be done about a WorkSpace, decided from what was seen and what is known. Pure: it calls nothing."""
