/**
 * The findings about this node.
 *
 * @module
 */
import type { DoctorRow } from "../row.ts";

/** The rows. */
export const nodeRows = {
  "config-valid": { group: "node", severity: "ok", sentence: "The configuration {file} is valid.", cure: "" },
  "config-invalid": {
    group: "node",
    severity: "bad",
    sentence: "{message}",
    cure: "Mend the line that is named; `trousseau help config` explains each field.",
  },
  "process-warning": {
    group: "node",
    severity: "warn",
    sentence: "{message}",
    cure: "Follow the sentence.",
  },
  "plugin-well": { group: "node", severity: "ok", sentence: "The plugin answers, with key ID {keyId}.", cure: "" },
  "plugin-silent": {
    group: "node",
    severity: "bad",
    sentence: "The plugin does not answer: {message}",
    cure: "systemctl start trousseau; journalctl -u trousseau shows why it has ended.",
  },
  "plugin-unwell": {
    group: "node",
    severity: "bad",
    sentence: "The running plugin is not well: {message}",
    cure: "trousseau status{config}",
  },
  "plugin-none": {
    group: "node",
    severity: "skip",
    sentence: "{file} configures a keyring: its server, its sockets and its unit were not examined.",
    cure: "clectl health, with the address of the keyring",
  },
  "audit-fails": {
    group: "node",
    severity: "warn",
    sentence: "The running plugin loses telemetry: {message}",
    cure: "Make room, or set another telemetry.audit, then run `systemctl reload trousseau`.",
  },
  "state-known": {
    group: "node",
    severity: "ok",
    sentence: "This node announces a key ID with all versions that it has sealed with.",
    cure: "",
  },
  "state-unusable": {
    group: "node",
    severity: "bad",
    sentence: "{message}",
    cure: "trousseau keys{config}",
  },
  "folder-well": {
    group: "node",
    severity: "ok",
    sentence: "{path} has mode {mode} and owner {owner}.",
    cure: "",
  },
  "folder-absent": {
    group: "node",
    severity: "warn",
    sentence: "The folder {path} is not there.",
    cure: "install -d -m {mode} {path}, with the user that serves as -o; the unit of deploy/systemd makes it.",
  },
  "folder-unexamined": {
    group: "node",
    severity: "skip",
    sentence: "{path} may not be examined by this user.",
    cure: "Run this command as root.",
  },
  "folder-open": {
    group: "node",
    severity: "bad",
    sentence: "Any user may write into {path} (mode {mode}), and so replace its files.",
    cure: "chmod o-w {path}",
  },
  "folder-readable": {
    group: "node",
    severity: "warn",
    sentence: "Any user may read {path} (mode {mode}).",
    cure: "chmod 0700 {path}",
  },
  "file-foreign": {
    group: "node",
    severity: "bad",
    sentence: "{path} belongs to user {owner}, and its folder to user {folderOwner}: the plugin may fail to read it.",
    cure: "chown --reference={folder} {path}",
  },
  "space-enough": { group: "node", severity: "ok", sentence: "{path} has {free} free.", cure: "" },
  "space-low": {
    group: "node",
    severity: "warn",
    sentence: "{path} has only {free} free.",
    cure: "df -h {path}, and make room: each new key ID is written there first.",
  },
  "space-none": {
    group: "node",
    severity: "bad",
    sentence: "{path} has {free} free, which is too little for a new key ID.",
    cure: "df -h {path}, and make room.",
  },
  "space-unknown": {
    group: "node",
    severity: "skip",
    sentence: "The free space of {path} could not be read.",
    cure: "df -h {path}",
  },
  "clock-kms": {
    group: "node",
    severity: "ok",
    sentence: 'The clocks of this node and of the KMS of "{name}" agree within 5 s.',
    cure: "",
  },
  "clock-kms-off": {
    group: "node",
    severity: "warn",
    sentence: 'The clock of this node is {seconds} s {direction} that of the KMS of "{name}".',
    cure: "timedatectl set-ntp true, and `timedatectl timesync-status` or `chronyc tracking` to see the result.",
  },
  "clock-apiserver": {
    group: "node",
    severity: "ok",
    sentence: "The clocks of this node and of kube-apiserver at {origin} agree within 5 s.",
    cure: "",
  },
  "clock-apiserver-off": {
    group: "node",
    severity: "warn",
    sentence: "The clock of this node is {seconds} s {direction} that of kube-apiserver at {origin}.",
    cure: "timedatectl set-ntp true, on both machines.",
  },
  "clock-apiserver-unknown": {
    group: "node",
    severity: "skip",
    sentence: "kube-apiserver at {origin} told no time.",
    cure: "systemctl status kubelet; crictl ps shows whether kube-apiserver runs.",
  },
  "certificate-lasts": {
    group: "node",
    severity: "ok",
    sentence: "The certificate {path} lasts until {date}.",
    cure: "",
  },
  "certificate-ends": {
    group: "node",
    severity: "warn",
    sentence: "The certificate {path} ends at {date}.",
    cure: "Issue a new one into the same file; the plugin takes it up by itself.",
  },
  "certificate-ended": {
    group: "node",
    severity: "bad",
    sentence: "The certificate {path} has ended at {date}.",
    cure: "Issue a new one into the same file; the plugin takes it up by itself.",
  },
  "token-lasts": { group: "node", severity: "ok", sentence: "The token in {source} lasts until {date}.", cure: "" },
  "token-ends": {
    group: "node",
    severity: "warn",
    sentence: "The token in {source} ends at {date}.",
    cure: "See why its issuer has not renewed it: kubelet, the agent of the machine, or a job of your own.",
  },
  "token-ended": {
    group: "node",
    severity: "bad",
    sentence: "The token in {source} has ended at {date}.",
    cure: "Put a new token there, and see why its issuer has not renewed it.",
  },
  "socket-reachable": {
    group: "node",
    severity: "ok",
    sentence: "User {user} of kube-apiserver may connect to {path}.",
    cure: "",
  },
  "socket-absent": {
    group: "node",
    severity: "bad",
    sentence: "There is no socket at {path}.",
    cure: "systemctl start trousseau; journalctl -u trousseau shows why it has ended.",
  },
  "socket-closed": {
    group: "node",
    severity: "bad",
    sentence: "User {user} of kube-apiserver may not connect to {path}: {place} has mode {mode} and owner {owner}.",
    cure: "Set socket.owner, socket.group and socket.mode in the configuration; a folder needs `chmod o+x {place}`.",
  },
  "socket-open": {
    group: "node",
    severity: "bad",
    sentence: "Any user of this machine may connect to {path} (mode {mode}), and so decrypt.",
    cure: "Set socket.mode to 0660, and socket.group to that of kube-apiserver.",
  },
  "unit-ordered": { group: "node", severity: "ok", sentence: "{unit} starts before {service}.", cure: "" },
  "unit-unordered": {
    group: "node",
    severity: "bad",
    sentence: "{unit} is not ordered before {service}, which cannot read a Secret without it.",
    cure: "systemctl edit {unit}, with the lines `[Unit]` and `Before={service}`; then systemctl daemon-reload.",
  },
  "unit-disabled": {
    group: "node",
    severity: "warn",
    sentence: "Nothing starts {unit} after a reboot.",
    cure: "systemctl enable {unit}",
  },
  "unit-pod": { group: "node", severity: "ok", sentence: "The static pod {path} starts the plugin.", cure: "" },
  "unit-absent": {
    group: "node",
    severity: "skip",
    sentence: "No unit of systemd and no static pod that starts the plugin was found.",
    cure: "docs/install.md has both; in a container name the node's file system by --root.",
  },
} as const satisfies Readonly<Record<string, DoctorRow>>;
