"""Pictures with one defect each, made by altering good ones with a seed, and what the checks make of them."""
