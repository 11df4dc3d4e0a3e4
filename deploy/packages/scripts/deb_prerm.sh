if [ "$1" = remove ]; then
  warn_of_socket
  stop_units
fi
