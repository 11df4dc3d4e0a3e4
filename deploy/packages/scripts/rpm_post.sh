# rpm counts the versions that are there: 1 at an installation, 2 at an upgrade.
prepare
warn_of_copies
if [ "$1" -gt 1 ]; then restart_running; else installed; fi
