"""What `farm submit` and `farm train` make of what was typed: options, sweeps, files of other programs, uploads."""
