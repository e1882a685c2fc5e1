"""The pages of a report: what each kind of result says, and in which order."""
