"""What people without a sign-in see of a share link: which renders, which files, and what files must not tell."""
