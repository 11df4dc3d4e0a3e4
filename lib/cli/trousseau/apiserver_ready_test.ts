import { deepEqual, equal, match } from "node:assert/strict";
import { createServer, type Server } from "node:https";
import { Authority } from "../../../tests/support/certificates.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { kubeadmManifest } from "../../../tests/support/kubeadm_manifest.ts";
import { run } from "../run.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import { localAccess, whyNotReady } from "./apiserver_ready.ts";
import { trousseau } from "./program.ts";

/** An answer of `/readyz`, or a connection that is cut or stays silent. */
type Answer = { readonly status: number; readonly text: string } | "cut" | "silent";

const plain = "[+]ping ok\n[+]etcd ok\nreadyz check passed\n";
const withPlugin = plain.replace("[+]etcd", "[+]kms-provider-0 ok\n[+]etcd");
const reloading = plain.replace("[+]etcd", "[+]kms-providers ok\n[+]etcd");

/** A server with the certificate of a kube-apiserver, and a manifest that names it. */
class NodeDouble implements AsyncDisposable {
  readonly folder: string;
  /** In order; the last one is repeated. */
  answers: readonly Answer[] = [{ status: 200, text: plain }];
  readonly headers: (string | undefined)[] = [];
  #asked = 0;
  readonly #server: Server;

  private constructor(folder: string, server: Server) {
    this.folder = folder;
    this.#server = server;
  }

  static async start(name = "kubernetes"): Promise<NodeDouble> {
    const authority = new Authority();
    const { certificate, key } = authority.issue({ commonName: name, names: [name] });
    const node = new NodeDouble(await Deno.makeTempDir(), createServer({ cert: certificate, key }));
    node.#server.on("request", (request, response) => {
      node.headers.push(request.headers.authorization);
      const answer = node.answers[Math.min(node.#asked++, node.answers.length - 1)];
      if (answer === "silent" || answer === undefined) return;
      if (answer === "cut") return void request.socket.destroy();
      response.writeHead(request.url === "/readyz?verbose" ? answer.status : 404).end(answer.text);
    });
    await new Promise<void>((resolve) => node.#server.listen(0, "127.0.0.1", resolve));
    const address = node.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await Deno.writeTextFile(`${node.folder}/ca.crt`, authority.certificate);
    const flags = ["--advertise-address=127.0.0.1", `--secure-port=${port}`, `--client-ca-file=${node.folder}/ca.crt`];
    await Deno.writeTextFile(`${node.folder}/m.yaml`, kubeadmManifest({ flags, folders: [node.folder] }));
    const user = { name: "a", user: { token: "kept-secret" } };
    const cluster = { server: "https://balancer.example", "certificate-authority": `${node.folder}/ca.crt` };
    const kubeconfig = {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster }],
      users: [user],
    };
    await Deno.writeTextFile(`${node.folder}/kubeconfig`, JSON.stringify(kubeconfig), { mode: 0o600 });
    return node;
  }

  async ready(...more: readonly string[]) {
    const terminal = fakeTerminal();
    const words = ["apiserver", "ready", "--manifest", `${this.folder}/m.yaml`, ...more];
    const status = await run(words, trousseau, terminal);
    return { status, out: terminal.out(), err: terminal.err() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Deno.remove(this.folder, { recursive: true });
  }
}

const states = [
  [["--encrypts", "yes"], withPlugin, / is ready and has a KMS plugin\./],
  [["--encrypts", "yes"], reloading, / is ready and has a KMS plugin\./],
  [["--encrypts", "reloading"], reloading, / reads a changed EncryptionConfiguration\./],
  [["--encrypts", "no"], plain, / has no KMS plugin\./],
  [["--encrypts", "manifest"], plain, / has no KMS plugin\./],
  [[], withPlugin, /is ready\./],
] as const;

Deno.test("apiserverReady() finds each state", async () => {
  await using node = await NodeDouble.start();
  for (const [words, text, sentence] of states) {
    node.answers = [{ status: 200, text }];
    const { status, out, err } = await node.ready(...words, "--timeout", "60s");
    equal(status, 0, err);
    match(out, sentence);
  }
});

Deno.test("apiserverReady() waits through a restart, without a login", async () => {
  await using node = await NodeDouble.start();
  const unwell = { status: 500, text: "[+]ping ok\n[-]etcd failed: reason withheld\n" };
  const old = { status: 200, text: plain };
  node.answers = [old, "cut", unwell, { status: 403, text: "{}" }, { status: 200, text: withPlugin }];
  const { status, err } = await node.ready("--encrypts", "yes", "--timeout", "60s");
  equal(status, 0, err);
  deepEqual(node.headers, Array.from({ length: 5 }, () => undefined));
});

const missed = [
  [{ status: 200, text: plain }, "yes", "it has not restarted with the new manifest (it has no KMS plugin)"],
  [{ status: 200, text: withPlugin }, "no", "it has not restarted with the new manifest (it has a KMS plugin)"],
  [{ status: 200, text: withPlugin }, "reloading", "it has not restarted with the new manifest (it has a KMS plugin)"],
  [
    { status: 500, text: "[-]etcd failed: x\n[-]kms-providers failed: y\n" },
    "yes",
    "it answers 500 -etcd -kms-providers",
  ],
  [{ status: 401, text: "" }, undefined, "it answers this login with a refusal; name one with --kubeconfig"],
  [{ status: 302, text: "\u0000\n[+]kms-provider-0 ok" }, "yes", "it answers 302"],
  ["cut", undefined, /^Cannot ask kube-apiserver whether it is ready: .*[^.]$/],
] as const;

Deno.test("whyNotReady() names the reason", async () => {
  await using node = await NodeDouble.start();
  using client = await ApiServerClient.open(await localAccess(`${node.folder}/m.yaml`, undefined), "ask");
  for (const [answer, encrypts, reason] of missed) {
    node.answers = [answer];
    const found = await whyNotReady(client, encrypts, AbortSignal.timeout(60_000));
    if (typeof reason === "string") equal(found, reason);
    else match(found ?? "", reason);
  }
});

Deno.test("apiserverReady() ends with 69 when the time is over, also in the middle of an answer", async () => {
  await using node = await NodeDouble.start();
  node.answers = ["silent"];
  const { status, out, err } = await node.ready("--timeout", "300ms");
  equal(status, 69, err);
  equal(out, "");
  match(err, /kube-apiserver at https:\/\/127\.0\.0\.1:\d+ is not ready after 300ms: it did not answer\./);
});

Deno.test("apiserverReady() waits for the plugin that the manifest asks for", async () => {
  await using node = await NodeDouble.start();
  const path = `${node.folder}/m.yaml`;
  const manifest = await Deno.readTextFile(path);
  const flag = (line: string) => `${line.replace(/--.*/, "--encryption-provider-config=/a.yaml")}\n${line}`;
  await Deno.writeTextFile(path, manifest.replace(/^.*--client-ca-file.*$/m, flag));
  const early = await node.ready("--encrypts", "manifest", "--timeout", "300ms");
  equal(early.status, 69);
  node.answers = [{ status: 200, text: withPlugin }];
  const { status, out, err } = await node.ready("--encrypts", "manifest", "--timeout", "60s");
  equal(status, 0, err);
  match(out, / is ready and has a KMS plugin\./);
});

Deno.test("apiserverReady() sends the login of a kubeconfig to this node, and not to the kubeconfig's server", async () => {
  await using node = await NodeDouble.start();
  const { status, err } = await node.ready("--kubeconfig", `${node.folder}/kubeconfig`, "--timeout", "60s");
  equal(status, 0, err);
  equal(node.headers[0], "Bearer kept-secret");
});

Deno.test("apiserverReady() trusts no server of another name", async () => {
  await using node = await NodeDouble.start("other");
  using client = await ApiServerClient.open(await localAccess(`${node.folder}/m.yaml`, undefined), "ask");
  match(await whyNotReady(client, undefined, AbortSignal.timeout(60_000)) ?? "", /certificate/);
  equal(node.headers.length, 0);
});

Deno.test("apiserverReady() refuses a manifest without an authority, another file, and a wrong timeout", async () => {
  await using node = await NodeDouble.start();
  match((await node.ready("--timeout", "soon")).err, /--timeout is a duration/);
  await Deno.writeTextFile(`${node.folder}/m.yaml`, kubeadmManifest({ flags: ["--a=1"] }));
  const bare = await node.ready();
  equal(bare.status, 78);
  match(bare.err, /has no --client-ca-file that can be read; name a --kubeconfig/);
  await Deno.writeTextFile(`${node.folder}/m.yaml`, "a: 1\n");
  match((await node.ready()).err, /is no manifest of kube-apiserver/);
});
