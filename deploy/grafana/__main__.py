"""Write the dashboard's JSON beside this file. A test holds it to the code."""

from pathlib import Path

from deploy.grafana.dashboard import as_json

FILE = Path(__file__).parent / "latent-farm.json"

if __name__ == "__main__":
    FILE.write_text(as_json(), encoding="utf-8")
