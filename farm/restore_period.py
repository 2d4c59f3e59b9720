"""For how long what people delete can be restored: jobs and single renders alike."""

#: So long, if nothing else is said …
KEPT_SECONDS = 86_400.0
#: … and at the most.
LONGEST_SECONDS = 30 * 86_400.0
