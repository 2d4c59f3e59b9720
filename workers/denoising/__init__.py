"""What one render is made of while it is denoised: its track, sampler, step cache, LoRAs, checkpoint."""
