"""An environment for each peer, at pinned versions, over the farm's own: torch and diffusers are the same for all."""

import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = Path("build/peers")
#: celery-batches 0.11 wants a Celery before 5.7; plain Celery runs in the farm's own environment.
PACKAGES = {
    "celery-batches": ("celery-batches==0.11", "celery==5.6.3"),
    "litserve": ("litserve==0.2.19", "fastapi==0.165.0", "starlette==1.10.0", "uvicorn==0.54.0", "pyzmq==27.3.0"),
    "ray": ("ray[serve]==2.60.0",),
    "mosec": ("mosec==0.9.8",),
}


def python_of(peer: str) -> str:
    """The Python of a peer's environment, which is made the first time.

    Raises CalledProcessError when its packages cannot be fetched.
    """
    folder = (FOLDER / peer).absolute()
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)
        [packages] = folder.glob("lib/python*/site-packages")
        ours = sysconfig.get_path("purelib")
        (packages / "farm.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PACKAGES[peer]]
        subprocess.run(install, check=True)
        (folder / ".ready").touch()
    return str(python)
