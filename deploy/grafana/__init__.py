"""The dashboard for Grafana, made from code: `python -m deploy.grafana` writes `latent-farm.json` beside this file."""
