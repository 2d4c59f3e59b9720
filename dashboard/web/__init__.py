"""The pages: one file per page, put together in `pages`. They work without JavaScript; with it they are live."""
