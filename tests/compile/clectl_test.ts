/**
 * The staged `clectl`: what its bundle holds, and that it runs with its own permissions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { artefacts, clectl } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";

const folder = await Deno.makeTempDir();
const staged = new Map<string, string>();
for (const artefact of artefacts) {
  staged.set(artefact.name, await Deno.readTextFile((await stage(folder, { artefact })).bundle));
}
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Words that only code of the plugin, of its providers, of its packages or of a server holds. */
const markers = [
  "vault-transit",
  "aws-kms",
  "azure-key-vault",
  "gcp-kms",
  "kms-plugin",
  "v1beta1",
  "HealthBoard",
  "openTelemetry",
  "protobufjs",
  "prom-client",
  "createServer",
  "Deno.listen",
];

Deno.test("the bundle of clectl holds no code of a provider, of a service, of a package or of a server", () => {
  const [plugin = "", client = ""] = ["trousseau", "clectl"].map((name) => staged.get(name));
  for (const marker of markers) {
    assert.ok(plugin.includes(marker), `${marker} marks nothing: the bundle of trousseau lacks it`);
    assert.ok(!client.includes(marker), `the bundle of clectl has ${marker}`);
  }
});

Deno.test("the bundle of clectl has at most 100,000 bytes", () => {
  assert.ok((staged.get("clectl") ?? "").length <= 100_000);
});

async function said(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { DENO: Deno.execPath(), DENO_DIR: join(folder, "cache"), NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command(join(folder, clectl.name), { args, env }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("the staged clectl prints version, help and completions, and names its usage errors", async () => {
  assert.match((await said("version")).out, /^clectl \d+\.\d+\.\d+\n$/);
  assert.match((await said()).out, /^Usage:\n {2}clectl COMMAND/m);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out, err } = await said("completions", shell);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /completion for clectl/);
  }
  const { code, err } = await said("serve");
  assert.deepEqual([code, err.split("\n")[0]], [64, 'clectl: There is no command "serve".']);
});
