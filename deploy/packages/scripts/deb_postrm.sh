case "$1" in
  remove | purge) name_state ;;
esac
