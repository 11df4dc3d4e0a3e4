# Where an administrator reads what a script has to say.
say() {
  echo "trousseau: $*" >&2
}

# The users, and the folders that belong to them. The configuration goes to the plugin's user the first time; an owner that
# was chosen later stays.
prepare() {
  systemd-sysusers trousseau.conf trousseaud.conf
  systemd-tmpfiles --create trousseau.conf trousseaud.conf ||
    say "systemd-tmpfiles could not make every folder; run: systemd-tmpfiles --create trousseau.conf trousseaud.conf"
  if [ "$(stat -c %u:%g /etc/trousseau)" = 0:0 ]; then
    chown root:trousseau /etc/trousseau
    chmod 0750 /etc/trousseau
  fi
  if [ -f /etc/trousseau/trousseau.yaml ] && [ "$(stat -c %u:%g /etc/trousseau/trousseau.yaml)" = 0:0 ]; then
    chown trousseau:trousseau /etc/trousseau/trousseau.yaml
    chmod 0600 /etc/trousseau/trousseau.yaml
  fi
}

# An installation by hand comes before the package, for systemd and for a shell.
warn_of_copies() {
  for name in trousseau.service trousseau-sops.service trousseaud.service; do
    hides "/etc/systemd/system/$name" "/usr/lib/systemd/system/$name"
  done
  for name in trousseau trousseaud; do hides "/usr/local/bin/$name" "/usr/bin/$name"; done
}

hides() {
  if [ -e "$1" ]; then
    say "warning: $1 hides $2 of the package: remove it, then run systemctl daemon-reload"
  fi
}

systemd_runs() {
  [ -d /run/systemd/system ]
}

# Whether this version's program can run on this machine. 126, 127 and a signal come of another libc or processor.
program_runs() {
  status=0
  timeout 60 trousseau version >/dev/null || status=$?
  [ "$status" -eq 0 ] ||
    say "this version does not run on this machine: trousseau version ended with $status. Units that run go on as the" \
      "version before, until something restarts them: install that version again"
  [ "$status" -eq 0 ]
}

# Whether this version takes the configuration and the state. 78 is the only status for those that it does not take; a KMS
# that is away keeps nothing from a restart.
start_allowed() {
  status=0
  report=$([ ! -f /etc/trousseau/trousseau.yaml ] || timeout 60 trousseau check --config /etc/trousseau/trousseau.yaml) ||
    status=$?
  [ "$status" -ne 78 ] || printf '%s\n' "$report" >&2
  [ "$status" -ne 78 ]
}

# A unit that runs goes on with the new version. SIGTERM lets it end its calls, and kube-apiserver waits for the socket.
restart_running() {
  systemd_runs || return 0
  systemctl daemon-reload || :
  program_runs || return 0
  restart_plugin
  restart trousseaud.service
}

restart_plugin() {
  verdict=unknown
  for unit in trousseau.service trousseau-sops.service; do
    systemctl --quiet is-active "$unit" || continue
    if [ "$verdict" = unknown ]; then
      if start_allowed; then verdict=start; else verdict=stay; fi
    fi
    if [ "$verdict" = start ]; then
      restart "$unit"
    else
      say "$unit goes on as the version before, since check of this version ended with 78 for the reason above: correct" \
        "it, then run systemctl restart $unit; or install the version before again"
    fi
  done
}

restart() {
  systemctl try-restart "$1" || say "$1 did not start again; its reason: journalctl -u $1"
}

installed() {
  say "installed and not started. Write your KMS into /etc/trousseau/trousseau.yaml, at the lines that its head names;" \
    "then run: trousseau check && systemctl enable --now trousseau"
}

# kube-apiserver may still need the plugin. It is said, and the removal goes on.
warn_of_socket() {
  if [ -S /run/trousseau/kms.sock ]; then
    say "warning: /run/trousseau/kms.sock is there. A kube-apiserver that uses it reads no Secret that it has not cached," \
      "and writes none, once the plugin has stopped"
  fi
}

# Without a systemd that runs, as in an image, the links of systemctl enable are removed all the same.
stop_units() {
  set -- trousseau.service trousseau-sops.service trousseau-drill.timer trousseaud.service
  if systemd_runs; then set -- --now "$@"; fi
  systemctl disable "$@" ||
    say "not every unit has stopped; see: systemctl list-units 'trousseau*'"
}

# State is never removed with the package: no other copy of it may be there.
name_state() {
  if [ -d /var/lib/trousseau ]; then
    say "/var/lib/trousseau stays. With it you lose this node's history of key IDs and, if a provider is of the kind" \
      "local, the key itself: then nothing that it encrypted can be read again"
  fi
  if [ -d /var/lib/trousseaud ]; then
    say "/var/lib/trousseaud stays. With it you lose the keyring's secrets, its audit file and its certificate authority"
  fi
  if systemd_runs; then systemctl daemon-reload || :; fi
}
