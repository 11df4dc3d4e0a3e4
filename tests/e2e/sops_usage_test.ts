/**
 * The rules of `docs/sops.md` against the real sops: quotes around scalars, the place of the key service's options, another
 * recipient beside ours, and `VAULT_AGENT_ADDR`.
 *
 * sops hands a Vault key to the library of Vault's client. `VAULT_AGENT_ADDR` replaces the address of the key there, so
 * that the library would send the data key of the file, in plain text, to any agent of that address.
 *
 * @module
 */
import assert from "node:assert/strict";
import { keyUri } from "../../lib/services/sops/key_uri.ts";
import { Node } from "./harness/plugin.ts";
import { setUp } from "./harness/providers.ts";
import { Repository, type SopsResult, startKeyService } from "./harness/sops.ts";

const uri = keyUri("default");

/** A recipient of age with its key, made for this test alone. */
const age = {
  recipient: "age1c3xzuyle056wqpscvtefjdnj2r2m2lztpxuu8y5qp4mxtycdg52qmdpcg7",
  identity: "AGE-SECRET-KEY-1AT3MSTR76J2MFQRV4TU8ZLKW585ZSJFYSFCU368DFX6TSXMPQT6SJ5GU4K",
} as const;

function good({ code, stdout, stderr }: SopsResult): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The HTTP requests that arrived at an address where an agent of Vault could listen. */
class Agent implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly requests: string[] = [];

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      this.requests.push(`${new URL(request.url).pathname} ${await request.text()}`);
      return new Response("{}", { status: 400 });
    });
  }

  get address(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** The defaults of sops for the variables that choose the key service; `VAULT_AGENT_ADDR` is that of the agent. */
function withOptions(agent: Agent): Record<string, string> {
  return { SOPS_ENABLE_LOCAL_KEYSERVICE: "true", SOPS_KEYSERVICE: "", VAULT_AGENT_ADDR: agent.address };
}

const optionsOf = (
  node: Node,
) => ["--enable-local-keyservice=false", "--keyservice", `unix://${node.folder}/sops.sock`];

Deno.test("no command of docs/sops.md sends a request to VAULT_AGENT_ADDR", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _service = await startKeyService(node, {
    providers: providers.entries,
    sops: { keys: [{ name: "default" }, { name: "other" }] },
  });
  await using repository = await Repository.make(node);
  await using agent = new Agent();
  const byVariables = (...args: string[]) => repository.sopsWith({ VAULT_AGENT_ADDR: agent.address }, ...args);
  const byOptions = (command: string, ...args: string[]) =>
    repository.sopsWith(withOptions(agent), command, ...optionsOf(node), ...args);
  for (const [way, sops] of [["variables", byVariables], ["options", byOptions]] as const) {
    const name = `${way}.yaml`;
    await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${uri}\n`);
    await repository.write(name, "password: hunter2\n");
    good(await sops("encrypt", "--in-place", name));
    assert.equal(good(await sops("decrypt", name)), "password: hunter2\n");
    good(await sops("set", name, '["password"]', '"hunter3"'));
    good(await sops("rotate", "--in-place", name));
    await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${uri},${keyUri("other")}\n`);
    good(await sops("updatekeys", "--yes", name));
    assert.equal(good(await sops("exec-env", name, "printenv password")).trim(), "hunter3");
    assert.equal(good(await sops("decrypt", name)), "password: hunter3\n");
  }
  assert.deepEqual(agent.requests, []);
  assert.equal(repository.trapped, 0);
});

Deno.test("options of the key service before the subcommand are dropped, and the data key goes to VAULT_AGENT_ADDR", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  await using agent = new Agent();
  await repository.write("a.yaml", "password: hunter2\n");
  const args = ["--hc-vault-transit", uri, "a.yaml"];
  const before = await repository.sopsWith(withOptions(agent), ...optionsOf(node), "encrypt", ...args);
  assert.notEqual(before.code, 0);
  assert.match(agent.requests[0] ?? "", /^\/v1\/sops\/encrypt\/default \{"plaintext":"[A-Za-z0-9+/]{43}="\}$/);
  const count = agent.requests.length;
  good(await repository.sopsWith(withOptions(agent), "encrypt", ...optionsOf(node), ...args));
  assert.equal(agent.requests.length, count);
});

Deno.test("unquoted scalars that look like numbers or dates are changed by a round trip, quoted ones are not", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  const roundTrip = async (content: string) => {
    await repository.write("a.yaml", content);
    good(await repository.sops("encrypt", "--hc-vault-transit", uri, "--in-place", "a.yaml"));
    return good(await repository.sops("decrypt", "a.yaml"));
  };
  const changed = {
    "007": "7",
    "1.50": "1.5",
    "1e3": "1000",
    "0x1F": "31",
    "2026-01-02": "2026-01-02T00:00:00Z",
    "12345678901234567890123": "1.2345678901234568e+22",
  } as const;
  const lines = (texts: readonly string[]) => texts.map((text, n) => `k${n}: ${text}\n`).join("");
  assert.equal(await roundTrip(lines(Object.keys(changed))), lines(Object.values(changed)));
  const quoted = lines(Object.keys(changed).map((text) => `"${text}"`));
  assert.equal(await roundTrip(quoted), quoted);
});

Deno.test("a recipient of age beside the key service: either decrypts the file, and encryption needs sops' local key service for age", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  await using agent = new Agent();
  await repository.write("a.yaml", "password: hunter2\n");
  const args = ["encrypt", "--hc-vault-transit", uri, "--age", age.recipient, "a.yaml"];
  const alone = await repository.sops(...args);
  assert.notEqual(alone.code, 0);
  assert.match(alone.stderr, /Cannot encrypt: this key service has no keys of age;/);
  const both = { SOPS_ENABLE_LOCAL_KEYSERVICE: "true", VAULT_AGENT_ADDR: "" };
  await repository.write("a.enc.yaml", good(await repository.sopsWith(both, ...args)));
  const toAgent = { VAULT_AGENT_ADDR: agent.address };
  assert.equal(good(await repository.sopsWith(toAgent, "decrypt", "a.enc.yaml")), "password: hunter2\n", "by ours");
  await service.stop();
  const byAge = { SOPS_ENABLE_LOCAL_KEYSERVICE: "true", SOPS_KEYSERVICE: "", SOPS_AGE_KEY: age.identity };
  assert.equal(
    good(await repository.sopsWith({ ...byAge, ...toAgent }, "decrypt", "a.enc.yaml")),
    "password: hunter2\n",
  );
  assert.notEqual((await repository.sops("decrypt", "a.enc.yaml")).code, 0, "ours is away");
  assert.deepEqual(agent.requests, []);
  assert.equal(repository.trapped, 0);
});
