"""`make docs`: the site of docs/, with a reference that is written from the code while it is built."""
