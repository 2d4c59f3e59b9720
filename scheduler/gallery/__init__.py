"""What people say of finished renders, and put on boards; single renders are deleted and restored here too."""
