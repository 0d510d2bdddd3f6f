"""A model folder → figures beside goals and controls, one metric per file; knows nothing of how it was trained."""
