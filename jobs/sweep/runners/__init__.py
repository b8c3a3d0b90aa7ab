"""Where children run: processes here, SLURM, or Ray. A runner starts one command; it knows nothing of sweeps."""
