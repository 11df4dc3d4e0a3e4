import { equal, match, ok, rejects } from "node:assert/strict";
import { utf8 } from "../../base/bytes.ts";
import { recoveryAdvice } from "../../provider/recovery/advice.ts";
import { parsePrivateKey, parsePublicKey } from "../../provider/recovery/key_text.ts";
import type { Input } from "../secret_input.ts";
import { UsageError } from "../command.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { trousseau } from "./program.ts";
import { recoveryNew, recoveryPublic } from "./recovery.ts";

/** An input that answers with the text of a function, which is called when it is read. */
function input(isTerminal: boolean, answer: () => string): Input {
  let left: Uint8Array | undefined;
  return {
    isTerminal,
    setRaw: () => {},
    read(into) {
      left ??= utf8(answer());
      if (left.length === 0) return Promise.resolve(null);
      const part = left.subarray(0, into.length);
      into.set(part);
      left = left.subarray(part.length);
      return Promise.resolve(part.length);
    },
  };
}

function callOf(terminal: ReturnType<typeof fakeTerminal>, options = {}) {
  return { program: trousseau, options, positionals: [], terminal } as never;
}

const shownKey = (text: string) => /TROUSSEAU-RECOVERY-KEY-1[ 0-9A-Z]+/.exec(text)?.[0] ?? "";

Deno.test("recoveryNew() shows the private key once, and the public key after its last characters were typed", async () => {
  const terminal = fakeTerminal({ isTerminal: true });
  const typed = () => `${shownKey(terminal.out()).replaceAll(" ", "").slice(-10).toLowerCase()}\n`;
  equal(await recoveryNew(callOf(terminal), input(true, typed)), 0);
  ok(parsePrivateKey(shownKey(terminal.out())));
  match(terminal.out(), /^trousseau-recovery1[a-z0-9]+$/m);
  match(terminal.out(), /^Fingerprint: ([0-9a-f]{4}-){7}[0-9a-f]{4}$/m);
  match(terminal.err(), /Type its last 10 characters/);
});

Deno.test("recoveryNew() prints no public key if other characters were typed", async () => {
  const terminal = fakeTerminal({ isTerminal: true });
  await rejects(recoveryNew(callOf(terminal), input(true, () => "AAAAAAAAAA\n")), { code: "cancelled" });
  equal(/trousseau-recovery1/.test(terminal.out()), false);
});

Deno.test("recoveryNew() writes to no pipe unless --plain is given", async () => {
  const piped = fakeTerminal();
  await rejects(recoveryNew(callOf(piped), input(true, () => "")), UsageError);
  equal(piped.out(), "");
  equal(await recoveryNew(callOf(piped, { plain: true }), input(false, () => "")), 0);
  match(piped.out(), /^TROUSSEAU-RECOVERY-KEY-1[0-9A-Z]+\n$/);
});

Deno.test("recoveryPublic() prints the public key of a typed or piped private key, and its fingerprint on stderr", async () => {
  const made = fakeTerminal({ isTerminal: true });
  await recoveryNew(callOf(made), input(true, () => `${shownKey(made.out()).replaceAll(" ", "").slice(-10)}\n`));
  const publicKey = /^trousseau-recovery1[a-z0-9]+$/m.exec(made.out())?.[0];
  const terminal = fakeTerminal();
  equal(await recoveryPublic(callOf(terminal), input(false, () => `${shownKey(made.out())}\n`)), 0);
  equal(terminal.out(), `${publicKey}\n`);
  const recipient = parsePublicKey(publicKey ?? "");
  ok(recipient !== undefined);
  const { warnings } = recoveryAdvice({ kind: "recovery", name: "safe", recipients: [recipient] });
  const fingerprint = /^Fingerprint: ([0-9a-f]{4}(?:-[0-9a-f]{4}){7})$/m.exec(terminal.err())?.[1] ?? "none";
  ok(warnings.join().includes(fingerprint), "trousseau check prints the same one");
  await rejects(recoveryPublic(callOf(fakeTerminal()), input(false, () => "nothing")), { code: "config" });
});
