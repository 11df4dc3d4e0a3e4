#!/bin/sh
# Decrypts every manifest of a folder and hands it to the cluster: a step of CI, or of a person.
#
#   deploy/sops/apply.sh secrets/ --context production
#
# `trousseau sops` must be running where this runs. Nothing decrypted touches a disk or a command line.
set -eu
folder=${1:?"usage: apply.sh FOLDER [OPTIONS OF KUBECTL]"}
shift

# Without its own key service sops asks nobody but ours, whatever a file says.
export SOPS_ENABLE_LOCAL_KEYSERVICE=false
export SOPS_KEYSERVICE="${SOPS_KEYSERVICE:-unix:///run/trousseau/sops.sock}"

for file in "$folder"/*.yaml; do
  # In a pipe a failure of sops would go unseen, and half a manifest might be applied.
  manifest=$(sops decrypt "$file") || { echo "apply.sh: cannot decrypt $file" >&2; exit 1; }
  # On the server's side: kubectl's own apply would keep the values once more, in an annotation.
  printf '%s\n' "$manifest" | kubectl apply --server-side --field-manager=apply.sh "$@" -f -
done
