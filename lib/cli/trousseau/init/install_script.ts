/**
 * The script that installs the files of `init` on a node. The program itself may not write below `/etc`.
 *
 * @module
 */
import type { InitValues } from "../../../config/init_values.ts";
import type { InitFile } from "./init_file.ts";

/** The user of the pod, a number since it is in no file of the node. */
const podUser = "65532";

/** POSIX shell. It compares every file before it writes the first one, and replaces none. */
export function installScript({ form, state }: InitValues, files: readonly InitFile[]): string {
  const service = form === "static-pod" ? podUser : "trousseau";
  const rows = files.flatMap(({ path, target }) =>
    target === undefined
      ? []
      : [[path, target.path, target.owner === "root" ? "root" : service, target.mode, target.unless ?? ""]]
  );
  const prepare = form === "static-pod"
    ? ['  [ -n "$root" ] || systemd-tmpfiles --create trousseau.conf']
    : ['  [ -n "$root" ] || { systemd-sysusers && systemctl daemon-reload; }'];
  return [
    "#!/bin/sh",
    "# Installs the files of `trousseau init` on this node, as root. It replaces no file: one that is there already and",
    "# differs ends it before anything is written. A run that was cut off is finished by another one.",
    "# DESTDIR is a folder in the place of /, for an image; owners are then left out.",
    "set -eu",
    "umask 077",
    'cd "$(dirname "$0")"',
    "root=${DESTDIR:-}",
    'fail() { echo "install.sh: $1" >&2; exit 78; }',
    '[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "run it as root."',
    "",
    "# Each row: the file, its place, owner, mode, and the file of a package that makes it needless.",
    "rows() {",
    ...rows.map((row) => `  "$1" ${row.map((word) => `'${word}'`).join(" ")}`),
    "}",
    "",
    "compare() {",
    '  if [ -n "$5" ] && [ -e "$root$5" ]; then return; fi',
    '  if [ -L "$root$2" ] || { [ -e "$root$2" ] && ! cmp -s "$1" "$root$2"; }; then',
    '    fail "$root$2 is there already and differs from $1; nothing was written. Move it away if it is the example of a package."',
    "  fi",
    "}",
    "",
    "place() {",
    '  if [ -e "$root$2" ] || { [ -n "$5" ] && [ -e "$root$5" ]; }; then return; fi',
    '  folder=$(dirname "$root$2")',
    '  [ -d "$folder" ] || install -d -m 0755 "$folder"',
    "  # A link fails if the file has come into being since, and the file is complete when it has its name.",
    '  rm -f "$root$2.new"',
    '  install -m "$4" "$1" "$root$2.new"',
    '  [ -n "$root" ] || chown "$3:$3" "$root$2.new"',
    '  ln "$root$2.new" "$root$2"',
    '  rm -f "$root$2.new"',
    '  echo "$root$2"',
    "}",
    "",
    "users() {",
    "  # Places that need no user come first.",
    '  [ "$3" = root ] || return 0',
    '  place "$@"',
    "}",
    "",
    "# A folder that is there keeps its owner and its mode.",
    "folder() {",
    '  if [ -d "$root$1" ]; then return; fi',
    '  if [ -n "$root" ]; then install -d -m "$2" "$root$1"; else install -d -m "$2" -o "$3" -g "$4" "$1"; fi',
    "}",
    "",
    "rows compare",
    "rows users",
    `[ -n "$root" ] || ${prepare}`,
    `folder /etc/trousseau 0750 root ${service}`,
    `folder ${state} 0700 ${service} ${service}`,
    "rows place",
    'echo "Installed. Go on with CHECKLIST.md."',
    "",
  ].join("\n");
}
