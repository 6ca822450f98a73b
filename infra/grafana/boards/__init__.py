"""The dashboards, one file each; every file has its `BOARD`."""
