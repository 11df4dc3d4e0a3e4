if [ "$1" -eq 0 ]; then
  warn_of_socket
  stop_units
fi
