/**
 * The services that `trousseau` serves, one row each. A row loads its code when it is opened, and not before.
 *
 * @module
 */
import { countableByPlugin, countableBySops } from "./countable.ts";
import type { ServiceRow } from "./service.ts";

/** The table, by the command that serves each. */
export const services = {
  serve: {
    // Files: credentials and CA files are read again, the state folder and the audit file are written.
    keeps: ["net", "read", "write"],
    action: "serve",
    starts: "starts",
    settings: ({ socket, telemetry: { audit, listen } }) => ({ socket, audit, listen }),
    listenField: "telemetry.listen",
    // Without a configuration any free port can be used. The state folder records the address.
    anyPort: ({ file, state }) => file === undefined ? state : undefined,
    countable: countableByPlugin,
    open: async (options) => (await import("./kms_service.ts")).openKmsService(options),
  },
  sops: {
    keeps: ["net", "read", "write"],
    action: "serve SOPS",
    starts: "starts as a key service for SOPS",
    settings: ({ sops: { socket, audit, listen } }) => ({ socket, audit, listen }),
    listenField: "sops.listen",
    countable: countableBySops,
    open: async (options) => (await import("./sops_service.ts")).openSopsKeyService(options),
  },
} as const satisfies Readonly<Record<string, ServiceRow>>;

/** The name of a service, which is that of its command. */
export type ServiceName = keyof typeof services;
