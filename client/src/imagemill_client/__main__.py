"""`python -m imagemill_client` is the command `imagemill`."""

from imagemill_client.cli.app import console_script

if __name__ == "__main__":
    console_script()
