if [ "$1" -eq 0 ]; then name_state; fi
