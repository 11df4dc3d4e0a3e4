/**
 * Recovery keys, with a private key as during a recovery.
 *
 * @module
 */
import { Secret } from "../../lib/base/secret.ts";
import { Hpke, type RecoveryKeyPair } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText } from "../../lib/provider/recovery/key_text.ts";
import { openRecovery } from "../../lib/provider/recovery/provider.ts";
import { conformance } from "./conformance.ts";

const noServer = { cannot: "there is no server" };
const onPaper = { cannot: "the key is on paper" };

interface Safe extends AsyncDisposable {
  /** The newest recipient is the first one. */
  readonly pairs: RecoveryKeyPair[];
}

conformance("recovery", {
  proves: { kind: "recovery", engine: "a public key", key: "X-Wing" },
  async start(): Promise<Safe> {
    return { pairs: [await new Hpke().newKeyPair()], [Symbol.asyncDispose]: () => Promise.resolve() };
  },
  open: ({ pairs: [newest] }) =>
    openRecovery({
      kind: "recovery",
      name: "safe",
      recipients: newest === undefined ? [] : [newest.publicKey],
      privateKey: {
        description: "file /safe/key",
        read: () => Promise.resolve(new Secret(newest === undefined ? "" : privateKeyText(newest.privateKey))),
      },
    }, { notify: () => {} }),
  rotate: { cannot: "recipients are the configuration's" },
  disable: onPaper,
  remove: onPaper,
  recreate: onPaper,
  faults: {
    "refused login": { cannot: "there is no login" },
    "withdrawn right": onPaper,
    "throttling": noServer,
    "5xx": noServer,
    "hang": noServer,
    "half an answer": noServer,
    "garbage answer": noServer,
  },
  unwrapsFromMemory: "there is no call",
});
