"""Charts as SVG for the pages, drawn by pygal; their colours and fonts are those of `charts.css`."""
