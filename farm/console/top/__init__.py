"""`farm top`: what it reads of a farm, and the screen that shows it."""
