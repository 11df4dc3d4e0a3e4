# Debian calls it with "configure" and the version that was configured before, if one was.
if [ "$1" = configure ]; then
  prepare
  warn_of_copies
  if [ -n "${2:-}" ]; then restart_running; else installed; fi
fi
