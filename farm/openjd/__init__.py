"""Job templates of OpenJD (Open Job Description, as AWS Deadline Cloud reads them) as jobs of the farm."""
