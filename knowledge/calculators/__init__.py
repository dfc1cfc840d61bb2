"""Clinical calculators: one registry of formulas and scores, by clinical field."""
