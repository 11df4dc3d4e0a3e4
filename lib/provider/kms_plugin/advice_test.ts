import { deepEqual, equal, match } from "node:assert/strict";
import { kmsPluginAdvice } from "./advice.ts";

Deno.test("kmsPluginAdvice() warns of a socket that everybody may connect to", async () => {
  const folder = await Deno.makeTempDir();
  const socket = `${folder}/kms.sock`;
  using _listener = Deno.listen({ transport: "unix", path: socket });
  const warnings = (mode: number) => {
    Deno.chmodSync(socket, mode);
    return kmsPluginAdvice({ kind: "kms-plugin", name: "hsm", socket }).warnings;
  };
  for (const mode of [0o600, 0o660]) deepEqual(warnings(mode), []);
  match(warnings(0o666)[0] ?? "", /^Everybody on this machine may connect to /);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("kmsPluginAdvice() accepts a socket that does not exist yet, and leaves the rotation to the vendor", async () => {
  const advice = kmsPluginAdvice({ kind: "kms-plugin", name: "hsm", socket: "/run/nowhere/kms.sock" });
  deepEqual(advice.warnings, []);
  equal(await advice.pendingCreation(), undefined);
  match(advice.rotation.by === "command" ? advice.rotation.command : "", /unix:\/\/\/run\/nowhere\/kms\.sock/);
});
