#!/bin/sh
# Turns encryption on or off in the manifest of kube-apiserver's static pod, as root, on one control plane node:
#
#   apiserver.sh enable [--manifest FILE] [--encryption-config FILE] [--automatic-reload] [--kubeconfig FILE] [--timeout 3m]
#   apiserver.sh undo   [--manifest FILE] [--encryption-config FILE] [--kubeconfig FILE] [--timeout 3m]
#
# `trousseau apiserver` makes and checks the edit, and this script puts it in place: trousseau itself has no permission to
# write below /etc. The script waits until kube-apiserver is ready, and puts the old manifest back if it is not.
#
# Exit status: 0 done or nothing to do, 64 wrong arguments, 69 not ready and back at the old manifest, 70 not ready with the
# old manifest either, 78 refused and nothing changed.
set -eu
umask 077

say() { printf 'apiserver.sh: %s\n' "$1" >&2; }
fail() { say "$2"; exit "$1"; }

verb=${1:-}
case $verb in
  enable | undo) shift ;;
  *) fail 64 "usage: apiserver.sh enable|undo [OPTIONS]; the head of the script lists them." ;;
esac
manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
config='' reload='' kubeconfig='' timeout=3m
while [ $# -gt 0 ]; do
  case $1 in
    --automatic-reload) reload=yes && shift && continue ;;
    --manifest | --encryption-config | --kubeconfig | --timeout) [ $# -ge 2 ] || fail 64 "$1 needs a value." ;;
    *) fail 64 "$1 is no option; the head of the script lists them." ;;
  esac
  case $1 in
    --manifest) manifest=$2 ;;
    --encryption-config) config=$2 ;;
    --kubeconfig) kubeconfig=$2 ;;
    --timeout) timeout=$2 ;;
  esac
  shift 2
done
[ "$verb" = enable ] || [ -z "$reload" ] || fail 64 "--automatic-reload is for enable."

program=${TROUSSEAU:-trousseau}
folder=$(dirname "$manifest")
# kubelet takes every file of the manifests' folder for a pod, so copies lie beside that folder. This one belongs to root
# alone: the plugin's user could otherwise choose the manifest that comes back.
keep=$(dirname "$folder")/trousseau

if [ -L "$manifest" ] || [ ! -f "$manifest" ]; then
  fail 78 "$manifest is no regular file; name the manifest with --manifest."
fi
if [ ! -d "$keep" ]; then mkdir -m 0700 "$keep"; fi
if [ -L "$keep" ] || [ "$(stat -c %u:%a "$keep")" != "$(id -u):700" ]; then
  fail 78 "$keep is no folder with mode 0700 of this user; move it away."
fi
# Only within one file system a rename replaces a file in one step.
[ "$(stat -c %d "$keep")" = "$(stat -c %d "$folder")" ] || fail 78 "$keep and $folder are on different file systems."
# Programs that this script starts do not get the lock, so that it ends with the script.
exec 9>"$keep/lock"
flock -n 9 || fail 78 "another apiserver.sh is running on this node; wait for its end."

edit() { "$program" apiserver "$verb" --manifest "$manifest" ${config:+--encryption-config "$config"} ${reload:+--automatic-reload} 9>&-; }

# In the background, since a shell handles a signal only between two commands and during `wait`.
child=''
ready() {
  "$program" apiserver ready --manifest "$manifest" ${kubeconfig:+--kubeconfig "$kubeconfig"} "$@" 9>&- &
  child=$!
  wait "$child"
}

# Owner, mode and label come with `cp -a`; the rename is the only change that kubelet can see.
place() {
  cp -a "$1" "$keep/next.yaml"
  sync
  mv -f "$keep/next.yaml" "$manifest"
  sync
}

go_back() {
  trap '' INT TERM HUP
  [ -z "$child" ] || kill "$child" 2>/dev/null || :
  if cmp -s "$manifest" "$keep/before.yaml"; then
    rm -f "$keep/pending"
    fail 69 "$1; $manifest is as it was before."
  fi
  cmp -s "$manifest" "$keep/after.yaml" || fail 70 "$1, and another program has changed $manifest since: look at it."
  place "$keep/before.yaml"
  rm -f "$keep/pending"
  old=no
  if grep -q -e '--encryption-provider-config=' "$keep/before.yaml"; then old=yes; fi
  if ready --encrypts "$old" --timeout 5m >/dev/null; then
    fail 69 "$1; $manifest is as it was before, and kube-apiserver is ready again. Its log has the reason: crictl logs."
  fi
  fail 70 "$1; $manifest is as it was before, but kube-apiserver is not ready: look at crictl ps -a and crictl logs."
}

new=no
if [ "$verb" = enable ]; then new=${reload:+reloading}; fi
new=${new:-yes}

# An earlier run that was cut off, for instance by a power failure, has left its name here.
if [ -f "$keep/pending" ] && ! cmp -s "$manifest" "$keep/after.yaml"; then rm -f "$keep/pending"; fi
if [ -f "$keep/pending" ]; then
  [ "$(cat "$keep/pending")" = "$verb" ] || fail 78 "apiserver.sh $(cat "$keep/pending") was cut off; run it again first."
  say "An earlier run was cut off; this one goes on with it."
else
  cp -a "$manifest" "$keep/read.yaml"
  edit >"$keep/edited.yaml" || exit $?
  cmp -s "$manifest" "$keep/read.yaml" || fail 78 "$manifest was changed at the same time; begin again."
  if cmp -s "$manifest" "$keep/edited.yaml"; then
    rm -f "$keep/read.yaml" "$keep/edited.yaml"
    say "Nothing to do: $manifest is so already."
    exit 0
  fi
  ready --timeout 15s >/dev/null || fail 78 "kube-apiserver is not ready before the change, so nothing was changed."
  cp -a "$keep/read.yaml" "$keep/after.new"
  cat "$keep/edited.yaml" >"$keep/after.new"
  mv -f "$keep/read.yaml" "$keep/before.yaml"
  mv -f "$keep/after.new" "$keep/after.yaml"
  rm -f "$keep/edited.yaml"
  printf '%s\n' "$verb" >"$keep/pending"
  trap 'go_back "Interrupted"' INT TERM HUP
  place "$keep/after.yaml"
fi

trap 'go_back "Interrupted"' INT TERM HUP
ready --encrypts "$new" --timeout "$timeout" || go_back "kube-apiserver did not become ready"
trap - INT TERM HUP
rm -f "$keep/pending"
say "Done; the manifest before it is $keep/before.yaml. Take the next control plane node now, and not before."
