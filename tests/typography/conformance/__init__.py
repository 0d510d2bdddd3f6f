"""Unicode's own conformance data against what sets our type, every deviation listed with its reason."""
