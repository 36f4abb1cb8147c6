"""What every contestant is told: where the servers are, what to read, and where its records go."""

import argparse


def asked(doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of what all of them take."""
    options = argparse.ArgumentParser(description=doc)
    options.add_argument("--kafka", required=True, help="address of the broker")
    options.add_argument("--redis", required=True, help="URL of the Redis that holds the subjects' states")
    options.add_argument("--events", required=True, help="topic to read, from its beginning")
    options.add_argument("--out", required=True, help="topic for one record an event")
    options.add_argument("--verdicts", required=True, help="topic for verdicts")
    options.add_argument("--group", required=True, help="consumer group")
    options.add_argument("--latest", action="store_true", help="begin with what comes from now on")
    return options
