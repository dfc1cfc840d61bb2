"""State machines that take a case to a verdict, their log, and the runner that adjudicates many."""
