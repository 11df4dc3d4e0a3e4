import { deepEqual, equal, match } from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { type ClectlTerminalOptions, runClectl } from "../../../../tests/support/clectl_terminal.ts";
import { answerJson, answerProblem, KeyringDouble, type Responder } from "../../../../tests/support/keyring_double.ts";
import { chainedLine, chainOrigin, positionOf, signedLine } from "../../../api/keyring/audit_format.ts";
import { utf8 } from "../../../base/bytes.ts";
import { withoutHelp } from "../../../../tests/support/help_line.ts";

async function ran(words: readonly string[], respond: Responder, options: ClectlTerminalOptions = {}) {
  await using double = await KeyringDouble.start(respond);
  const end = await runClectl(words, {
    ...options,
    variables: { CLECTL_ADDRESS: double.address, ...options.variables },
  });
  return { ...end, requests: double.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim()) };
}

const answers = (value: unknown, status = 200): Responder => (_, response) => answerJson(response, value, status);

type State = "ok" | "degraded" | "failed";
const healthOf = (...states: State[]) => ({
  state: states.at(-1),
  parts: states.map((state, at) => ({ name: `part${at}`, state, ...(state === "ok" ? {} : { reason: "Why." }) })),
});

Deno.test("health shows each part with its reason, and ends by the worst", async () => {
  const ok = await ran(["health"], answers(healthOf("ok", "degraded")));
  deepEqual([ok.status, ok.out], [0, "PART   STATE     REASON\npart0  ok\npart1  degraded  Why.\n"]);
  equal((await ran(["health", "--strict"], answers(healthOf("ok", "degraded")))).status, 1);
  const failed = await ran(["health", "-o", "json"], answers(healthOf("ok", "failed")));
  deepEqual([failed.status, JSON.parse(failed.out).parts[1].reason], [69, "Why."]);
  const quiet = await ran(["health", "--quiet"], answers(healthOf("ok")));
  deepEqual([quiet.status, quiet.out + quiet.err], [0, ""]);
});

Deno.test("health reads the parts of a server that answers 503", async () => {
  const end = await ran(["health"], answers(healthOf("ok", "failed"), 503));
  equal(end.status, 69);
  match(end.out, /part1 +failed +Why\./);
});

Deno.test("health --wait tries until the server is well, or the time is over", async () => {
  let requests = 0;
  const later = await ran(["health", "--wait", "10s"], (_, response) => {
    requests++;
    if (requests === 1) answerProblem(response, 503, "kms_unavailable", "No KMS.");
    else answerJson(response, healthOf(requests === 2 ? "failed" : "ok"));
  });
  deepEqual([later.status, later.requests.length], [0, 3]);
  const over = await ran(["health", "--wait", "300ms"], answers(healthOf("failed")));
  equal(over.status, 69);
  equal(over.requests.length > 1, true);
  const folder = await Deno.makeTempDir();
  const variables = { CLECTL_ADDRESS: `unix://${folder}/none.sock` };
  const startedAt = performance.now();
  const absent = await runClectl(["health", "--wait", "500ms"], { variables });
  deepEqual([absent.status, performance.now() - startedAt >= 450], [69, true]);
  await Deno.remove(folder);
});

Deno.test("health ends at once for a refusal and a wrong configuration", async () => {
  const refused = await ran(["health", "--wait", "10s"], (_, r) => answerProblem(r, 403, "forbidden", "No."));
  deepEqual([refused.status, refused.requests.length], [77, 1]);
  equal((await runClectl(["health"], { variables: { CLECTL_ADDRESS: "http://x" } })).status, 78);
  equal((await runClectl(["health", "--context", "a"], {})).status, 78);
});

Deno.test("enrol, token create and can send what the words say", async () => {
  const code = await ran(
    ["enrol", "anna", "--roles", "dev,ops"],
    answers({ id: "1", code: "ABCD", expiresAt: "t" }, 201),
  );
  deepEqual([code.status, code.out, code.requests], [0, "ABCD\n", [
    'POST /api/v1/enrolments {"name":"anna","roles":["dev","ops"]}',
  ]]);
  match(code.err, /can be used once until t/);
  const token = await ran(
    ["token", "create", "job", "--role", "r", "--ttl", "30d"],
    answers({ token: "tsk_x", id: "7", expiresAt: "t" }, 201),
  );
  deepEqual([token.out, token.requests], ["tsk_x\n", ['POST /api/v1/tokens {"role":"r","ttl":2592000,"name":"job"}']]);
  const yes = await ran(["can", "read", "db/ü"], answers({ allowed: true }));
  deepEqual([yes.status, yes.out, yes.requests], [0, "yes\n", ["GET /api/v1/can?verb=read&path=db%2F%C3%BC"]]);
  equal((await ran(["can", "read", "db/"], answers({ allowed: false }))).status, 1);
  const who = await ran(["whoami"], answers({ kind: "local-admin", name: "local-admin", id: "", roles: ["admin"] }));
  match(who.out, /^NAME.*\nlocal-admin +local-admin +admin\n$/);
});

Deno.test("identity and token list rows, and revoke by ID", async () => {
  const person = {
    id: "1",
    name: "anna",
    roles: ["dev"],
    state: "active",
    createdAt: "t",
    createdBy: "x",
    endsAt: "e",
  };
  const people = await ran(["identity", "list"], answers({ identities: [person] }));
  match(people.out, /1 +anna +dev +active +e\n$/);
  const row = {
    id: "1",
    identity: "token:job",
    role: "r",
    createdAt: "t",
    createdBy: "x",
    expiresAt: "e",
    state: "active",
  };
  match((await ran(["token", "list"], answers({ tokens: [row] }))).out, /1 +token:job +r +active +e\n$/);
  const none: Responder = (_, response) => {
    response.writeHead(204);
    response.end();
  };
  const id = "61635a79622bf64a179a34fdccb01498";
  const revoked = await ran(["identity", "revoke", id], none);
  deepEqual([revoked.status, revoked.requests], [0, [`DELETE /api/v1/identities/${id}`]]);
  deepEqual((await ran(["token", "revoke", id], none)).requests, [`DELETE /api/v1/tokens/${id}`]);
  deepEqual((await ran(["token", "revoke", "a/b"], none)).requests, []);
});

Deno.test("policy and audit print what the server has, and policy set sends a file", async () => {
  const text = "roles: {}\n# end\n";
  equal((await ran(["policy", "get"], answers({ text, version: 3 }))).out, text);
  const none = await ran(["policy", "get"], answers({ text: "", version: 0 }));
  deepEqual([none.status, none.out], [0, ""]);
  match(none.err, /no policy yet/);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, text);
  const set = await ran(["policy", "set", file, "--cas", "3"], answers({ version: 4 }));
  deepEqual([set.out, set.requests], ["The policy has version 4.\n", [
    `PUT /api/v1/policy ${JSON.stringify({ text })}`,
  ]]);
  await Deno.remove(file);
  const key = await ran(["audit", "key"], answers({ serverId: "s", publicKey: "PEM" }));
  equal(key.out, "PEM\n");
  match((await ran(["audit", "head"], answers({ lines: 7, hash: "ab", at: "t" }))).out, /7 +ab +t\n$/);
});

Deno.test("backup writes a whole file or none, and nothing to a terminal", async () => {
  const folder = await Deno.makeTempDir();
  const sealed = Uint8Array.of(0, 1, 255);
  const whole: Responder = (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": "3" });
    response.end(sealed);
  };
  const refusing: Responder = (request, response) => {
    if (request.url.endsWith("?keyFile=kept-elsewhere")) return whole(request, response);
    return answerJson(
      response,
      { type: "urn:trousseau:problem:backup_unopenable", title: "t", status: 409, detail: "Cannot back up: one disk." },
      409,
    );
  };
  const cut: Responder = (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": "99" });
    response.write(sealed);
    setTimeout(() => response.socket?.destroy(), 50);
  };
  equal((await ran(["backup", "--to", `${folder}/b`], whole)).status, 0);
  deepEqual(await Deno.readFile(`${folder}/b`), sealed);
  equal(((await Deno.stat(`${folder}/b`)).mode ?? 0) & 0o777, 0o600);
  equal((await ran(["backup", "--to", `${folder}/c`], cut)).status, 69);
  deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["b"]);
  const plain = await ran(["backup"], whole);
  deepEqual([plain.status, plain.err], [0, ""]);
  const refused = await ran(["backup", "--to", `${folder}/d`], refusing);
  deepEqual([refused.status, withoutHelp(refused.err)], [78, "clectl: Cannot back up: one disk.\n"]);
  deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["b"]);
  equal((await ran(["backup", "--key-file-kept-elsewhere"], refusing)).status, 0);
  const shown = await ran(["backup"], whole, { showsOutput: true, typed: [] });
  deepEqual([shown.status, shown.requests], [64, []]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("audit verify ends with 0 for a whole audit, and names the first line that does not verify", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const start = chainedLine("start", chainOrigin, 0, { format: 1, server: "s" });
  const entry = chainedLine("entry", positionOf(1, utf8(start)), 1, { identity: "i", action: "a", result: "ok" });
  const head = signedLine(chainedLine("head", positionOf(2, utf8(entry)), 2, { server: "s" }), privateKey);
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/key.pem`, publicKey.export({ type: "spki", format: "pem" }).toString());
  await Deno.writeTextFile(`${folder}/good`, `${start}\n${entry}\n${head}\n`);
  await Deno.writeTextFile(`${folder}/bad`, `${start}\n${entry.replace('"ok"', '"no"')}\n${head}\n`);
  const verify = (...words: string[]) => runClectl(["audit", "verify", ...words, "--key", `${folder}/key.pem`]);
  const good = await verify(`${folder}/good`);
  deepEqual([good.status, good.err], [0, ""]);
  const fingerprint = createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("hex");
  equal(
    good.out,
    "3 lines verify: from number 1, 1970-01-01T00:00:00.000Z, to number 3, 1970-01-01T00:00:00.002Z.\n" +
      `They are signed up to number 3. The fingerprint of the key is ${fingerprint} (SHA-256).\n` +
      "0 writes were cut off, 0 entries are lost.\n",
  );
  const document = JSON.parse((await verify(`${folder}/good`, "-o", "json")).out);
  const { firstSeq, firstTime, last, keyFingerprint } = document;
  deepEqual([firstSeq, firstTime, last.seq, keyFingerprint], [1, "1970-01-01T00:00:00.000Z", 3, fingerprint]);
  await Deno.writeTextFile(`${folder}/rest`, `${entry}\n${head}\n`);
  match((await verify(`${folder}/rest`)).out, /^2 lines verify: from number 2, /);
  match((await verify(`${folder}/key.pem`)).out, /is no line of an audit\.\nNo line verifies\.\nNo line is signed\./);
  const { hash } = positionOf(3, utf8(head));
  equal((await verify(`${folder}/good`, "--head", `3:${hash}`)).status, 0);
  equal((await verify(`${folder}/good`, "--head", `4:${hash}`)).status, 1);
  equal((await verify(`${folder}/good`, "--head", "x")).status, 64);
  const bad = await verify(`${folder}/bad`);
  equal(bad.status, 1);
  match(bad.out, /bad:3: The line does not continue the line before it/);
  equal((await verify(`${folder}/none`)).status, 78);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("context set, use, list and remove", async () => {
  const home = await Deno.makeTempDir();
  const variables = { HOME: home };
  const context = async (...words: string[]) => await runClectl(["context", ...words], { variables });
  equal((await context("set", "here", "--address", "unix:///run/a.sock")).status, 0);
  equal((await context("set", "../x", "--address", "unix:///run/a.sock")).status, 64);
  equal((await context("set", "there", "--address", "https://x")).status, 64);
  equal((await context("use", "her")).status, 78);
  match((await context("use", "her")).err, /There is no context "her"\. Did you mean "?here"?\?/);
  equal((await context("use", "here")).status, 0);
  match((await context("list")).out, /here \(current\) +unix:\/\/\/run\/a\.sock +none/);
  const broken = `${home}/.config/clectl/contexts/broken.json`;
  for (
    const [content, why] of [["{", /not JSON/], ["[]", /newer clectl/], ['{"format":2}', /newer clectl/], [
      '{"format":1}',
      /no address/,
    ], ["7", /no JSON object/]] as const
  ) {
    await Deno.writeTextFile(broken, content);
    const end = await context("list");
    equal(end.status, 78, content);
    match(end.err, why);
  }
  await Deno.remove(broken);
  equal((await context("remove", "here")).status, 0);
  equal((await runClectl(["context", "list"], {})).status, 78);
  await Deno.remove(home, { recursive: true });
});
