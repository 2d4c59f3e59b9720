"""`python -m dashboard`: the server. `farm dashboard` becomes this process."""

from gevent import monkey

# Before anything else is imported: what has already taken hold of ssl or threading could not wait together any more.
monkey.patch_all()

from dashboard.server import main  # noqa: E402

if __name__ == "__main__":
    main()
