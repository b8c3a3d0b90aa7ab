"""What starts jobs for others: a list of all jobs with their flags, and a queue that runs some at once."""
