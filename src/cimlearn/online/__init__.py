"""The chip as a learner of tables: what the estimators of `cimlearn.sklearn` and `cimlearn.river` share."""
