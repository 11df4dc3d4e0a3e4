/**
 * The services that `trousseau` serves, one row each. A row loads its code when it is opened, and not before.
 *
 * @module
 */
import { countableByKeyring, countableByPlugin, countableBySops } from "./countable.ts";
import type { ServiceRow } from "./service.ts";

/** The table, by the command that serves each. */
export const services = {
  serve: {
    // Files: credentials and CA files are read again, the state folder and the audit file are written.
    keeps: ["net", "read", "write"],
    action: "serve",
    starts: "starts",
    settings: ({ socket, state, telemetry: { audit, listen } }) => ({ socket, state, audit, listen }),
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
    settings: ({ state, sops: { socket, audit, listen } }) => ({ socket, state, audit, listen }),
    listenField: "sops.listen",
    countable: countableBySops,
    open: async (options) => (await import("./sops_service.ts")).openSopsKeyService(options),
  },
  "keyring serve": {
    keeps: ["net", "read", "write"],
    action: "serve the keyring",
    starts: "starts as a keyring",
    // Its audit is a chain of its own, beside the events of telemetry.
    settings: ({ keyring: { adminSocket, state, metrics } }) => {
      // Every right is behind this socket: no other user passes through its folder.
      return { socket: { ...adminSocket, folderMode: 0o700 }, state, audit: undefined, listen: metrics };
    },
    listenField: "keyring.metrics",
    countable: countableByKeyring,
    open: async (options) => (await import("./keyring_service.ts")).openKeyringService(options),
  },
} as const satisfies Readonly<Record<string, ServiceRow>>;

/** The name of a service, which is that of its command. */
export type ServiceName = keyof typeof services;
