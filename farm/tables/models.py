"""What is known of models beside the catalog."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Document, Name, Seconds


class ModelFolder(Base):
    """A model's folder that no lock of the catalog describes, as it was loaded first: workers are held to it.

    `folder` is how the catalog names it, with what else decides which files of it are read.
    """

    __tablename__ = "model_folders"
    folder: Mapped[str] = mapped_column(String(1000), primary_key=True)
    files: Mapped[Document]  # {"files": [{"path", "size", "sha256"}, …]}
    model: Mapped[Name]
    host: Mapped[Name]  # whose copy it was
    at: Mapped[Seconds]
