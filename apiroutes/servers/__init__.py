"""Ways to run an App: `development` while it is written, `production` when it is used."""
