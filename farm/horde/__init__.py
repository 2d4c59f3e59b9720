"""The bridge to an AI Horde (`farm horde`): it pops jobs, has the farm render them, and hands them back."""
