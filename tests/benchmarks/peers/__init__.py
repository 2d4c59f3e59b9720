"""The farm beside what a user would take instead, in one run: `make bench NAME=peers`."""
