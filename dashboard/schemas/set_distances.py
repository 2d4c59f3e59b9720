"""FID and KID of the pictures of a job, or of those that a filter of the gallery found."""

from pydantic import Field

from dashboard.schemas.base import Answer


class SetDistance(Answer):
    """How far pictures are from a reference set; smaller is nearer."""

    reference: str = Field(description="What the reference set was called: a folder, another job")
    fid: float
    kid: float
    kid_std: float = Field(description="Over its subsets")
    pictures: int = Field(description="That were compared")
    reference_pictures: int
    features: int = Field(description="Numbers that were seen in each picture; FID says little of fewer pictures")
    features_sha256: str = Field(description="Of what looked at them; figures by different ones cannot be compared")
    computed_at: str


class SetDistanceList(Answer):
    """What is kept of a job or of a filter, the newest first."""

    items: list[SetDistance]
