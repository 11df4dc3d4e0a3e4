import { openKmsPlugin } from "../../lib/provider/kms_plugin/provider.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { PluginDouble, type PluginFault } from "../support/plugin_double.ts";
import type { ConformanceBench, FaultVariant } from "./bench.ts";
import { conformance } from "./conformance.ts";

function fault(what: string, of: PluginFault): FaultVariant<PluginDouble> {
  return {
    what,
    on: (plugin) => {
      plugin.fault = of;
      return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve(void (plugin.fault = undefined)) });
    },
  };
}

const answers = (code: number, name: string) => fault(name, { kind: "status", code, details: "token hunter2" });
const change = (of: (plugin: PluginDouble) => void) => (plugin: PluginDouble) => Promise.resolve(of(plugin));

const bench: ConformanceBench<PluginDouble> = {
  proves: { kind: "kms-plugin", engine: "double", key: "AES-256" },
  start: () => PluginDouble.start(),
  open: ({ socket }) => openKmsPlugin({ kind: "kms-plugin", name: "hsm", socket }),
  rotate: change(({ keys }) => keys.rotate()),
  disable: change(({ keys }) => keys.disable()),
  remove: change(({ keys }) => keys.remove()),
  recreate: change(({ keys }) => keys.create()),
  faults: {
    "refused login": [answers(16, "UNAUTHENTICATED")],
    "withdrawn right": [answers(7, "PERMISSION_DENIED")],
    "throttling": [answers(8, "RESOURCE_EXHAUSTED")],
    "5xx": [
      answers(14, "UNAVAILABLE"),
      answers(2, "UNKNOWN"),
      answers(10, "ABORTED"),
      answers(1, "CANCELLED"),
      fault("healthz", { kind: "unwell", healthz: "Vault is sealed" }),
      {
        what: "the plugin is gone",
        on: async (plugin) => {
          await plugin.stop();
          return { [Symbol.asyncDispose]: () => plugin.listen() };
        },
      },
    ],
    "hang": [fault("no answer", { kind: "hang" })],
    "half an answer": [fault("the connection is cut", { kind: "half" })],
    "garbage answer": [
      fault("an empty message", { kind: "message", bytes: new Uint8Array() }),
      fault("no message", { kind: "message", bytes: Uint8Array.of(0x0a, 9, 1) }),
      fault("another message", { kind: "message", bytes: Uint8Array.of(0x78, 1) }),
      fault("no frame", { kind: "frame", bytes: new Uint8Array() }),
      fault("a frame that claims to be compressed", { kind: "frame", bytes: Uint8Array.of(1, 0, 0, 0, 1, 7) }),
      fault("a frame whose length lies", { kind: "frame", bytes: Uint8Array.of(0, 0, 0, 0, 9, 7) }),
      fault("a message of 2 MiB", { kind: "message", bytes: new Uint8Array(2 << 20) }),
      fault("404", { kind: "http", status: 404, text: "not found" }),
      fault("500", { kind: "http", status: 500, text: "oops" }),
      fault("a web page", { kind: "http", status: 200, text: "<html>welcome</html>" }),
      fault("no status", { kind: "no status" }),
      fault("key_id is no UTF-8", {
        kind: "message",
        bytes: new Uint8Array([0x1a, 2, 0xff, 0xfe, ...utf8("\x12\x02ok")]),
      }),
    ],
  },
};

conformance("kms-plugin (double)", bench);
