"""What may be asked of each kind of model; which family has which is in `farm.params.families`."""
