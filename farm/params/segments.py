"""Clips that are rendered in segments of equal length: of two that follow each other some frames are the same."""


def segments_of(num_frames: int, length: int, shared: int) -> int:
    """How many segments of `length` frames make so many frames, where each but the first begins with the `shared` last
    ones of the one before.
    """
    return max(1, -(-(num_frames - shared) // (length - shared)))


def frames_made(segments: int, length: int, shared: int) -> int:
    """The different frames that so many segments have; what is more than was asked for is cut off."""
    return shared + segments * (length - shared)
