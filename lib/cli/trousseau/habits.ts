/**
 * Names from other tools that people type as commands and options of `trousseau`.
 *
 * @module
 */
import type { Habits } from "../command.ts";

/** The table. */
export const habits: Habits = {
  commands: {
    daemon: "serve",
    start: "serve",
    run: "serve",
    validate: "check",
    verify: "check",
    test: "check",
    lint: "check",
    doctor: "check",
    ping: "probe",
    health: "probe",
    info: "status",
    top: "status --watch",
    watch: "status --watch",
    rotate: "keys rotate",
    schema: "config schema",
    convert: "config convert",
    migrate: "config convert",
  },
  // A service manager starts and stops a plugin.
  otherPrograms: {
    stop: "systemctl stop trousseau",
    restart: "systemctl restart trousseau",
    reload: "systemctl reload trousseau",
    enable: "systemctl enable trousseau",
    disable: "systemctl disable trousseau",
    logs: "journalctl -u trousseau",
  },
  options: {
    debug: "--verbose",
    f: "--config",
    file: "--config",
    follow: "--watch",
    format: "--output",
    n: "--interval",
    s: "--socket",
  },
};
