"""`farm backup`: a farm in one file, and a farm from that file: every row, the catalog, and what lies in the bucket."""
