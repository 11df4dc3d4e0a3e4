import { deepEqual, equal, match } from "node:assert/strict";
import { kmsServer } from "../../api/kms/server.ts";
import type { ProviderStatus, SealedVersionStatus, ServiceStatus } from "../../services/kms/service.ts";
import { asText } from "./status.ts";
import { parseStatus } from "./status_document.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
import { wellStatus } from "../../../tests/support/fake_service.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { trousseau } from "./program.ts";
import type { Output } from "../terminal.ts";
import { run } from "../run.ts";

const well: ProviderStatus = {
  name: "vault-eu",
  kind: "vault-transit",
  health: "well",
  message: "",
  code: "ok",
  since: 0,
  lastGoodAt: 0,
  version: "3@1700000000",
  lacksWrapSince: undefined,
};

const unhealthy: ProviderStatus = {
  ...well,
  name: "vault-us",
  health: "sick",
  code: "unreachable",
  message: 'Cannot probe provider "vault-us": Vault answered 503 (sealed).',
  lastGoodAt: undefined,
  lacksWrapSince: 0,
};

const good: ServiceStatus = {
  ...wellStatus,
  keyId: "t1-1",
  provisional: false,
  message: "",
  quorum: { state: "held" },
  needed: 1,
  providers: [well, unhealthy],
  retired: [],
  wrapOnly: [],
  canEncrypt: true,
  sealedVersions: [],
};

/** Runs `status` with an HTTP server that gives this response, and without a socket. */
async function statusFor(answer: () => Response, ...words: string[]) {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  await using config = await TemporaryConfig.make({
    telemetry: { listen: `127.0.0.1:${server.addr.port}`, audit: "off" },
  });
  return await config.run("status", ...words);
}

Deno.test("status() shows the plugin's status over HTTP", async () => {
  const { status, out, err } = await statusFor(() => Response.json(good));
  equal(status, 0);
  equal(err, "");
  match(out, /^Configuration: \/\S+\/trousseau\.yaml; plugin: unix:\/\/\/\S+\/kms\.sock\nKey ID: {2}t1-1$/m);
  match(out, /^Quorum: {2}held, 1 of 2 are needed$/m);
  match(out, /^vault-us +vault-transit +sick .* never +3@1700000000 +for \d+ d$/m);
  match(out, /Vault answered 503/);
});

/** A status in the form of the plugin: its times are RFC 3339. */
function wireForm(status: ServiceStatus): unknown {
  const time = (key: string, value: unknown) =>
    typeof value === "number" && /^since$|At$|Since$/.test(key) ? new Date(value).toISOString() : value;
  return JSON.parse(JSON.stringify(status, time));
}

Deno.test("status(--json) prints the whole document, with times in RFC 3339", async () => {
  for (const answer of [good, wireForm(good)]) {
    const { out } = await statusFor(() => Response.json(answer), "--json");
    deepEqual(JSON.parse(out).providers[0].lastGoodAt, "1970-01-01T00:00:00.000Z");
    const { file: _file, socket: _socket, ...rest } = JSON.parse(out);
    deepEqual(rest, { source: "http", ...(wireForm(good) as object) });
  }
});

Deno.test("status(--json) names the configuration and the socket", async () => {
  const { out } = await statusFor(() => Response.json(good), "--json");
  const { file, socket } = JSON.parse(out);
  deepEqual([file, socket].map((path) => path.replace(/^.*\//, "")), ["trousseau.yaml", "kms.sock"]);
});

const lost = { state: "lost", since: 0, forMs: 0, message: "Away.", refused: false } as const;
const ends = [
  [69, { ...good, quorum: lost }],
  [77, { ...good, quorum: { ...lost, refused: true } }],
  [69, { ...good, canEncrypt: false, keyId: undefined, message: "No KMS has answered yet." }],
] as const;

for (const [expected, answer] of ends) {
  Deno.test(`status() exits ${expected} for ${JSON.stringify(answer).slice(0, 60)}`, async () => {
    equal((await statusFor(() => Response.json(answer))).status, expected);
  });
}

const strangers: readonly (readonly [string, () => Response])[] = [
  ["a page", () => new Response("<html>")],
  ["other JSON", () => Response.json({ status: "UP" })],
  ["a redirect", () => Response.redirect("http://127.0.0.1:1/")],
  ["a body without end", () => new Response("x".repeat(1 << 20))],
];

for (const [what, answer] of strangers) {
  Deno.test(`status() does not accept ${what} as Trousseau, and uses the socket`, async () => {
    const { status, out, err } = await statusFor(answer);
    equal(status, 69);
    match(out, /^Configuration: \/\S+\/trousseau\.yaml; plugin: unix:\/\/\/\S+\/kms\.sock\n$/);
    match(
      err,
      /^No Trousseau answers at http:\/\/127\.0\.0\.1:\d+: asking the socket\.\ntrousseau: Cannot call v2 Status/,
    );
  });
}

Deno.test("status() does not accept another plugin's status, and uses the socket", async () => {
  const { status, out, err } = await statusFor(() => Response.json({ ...good, socket: "/run/other/kms.sock" }));
  equal(status, 69);
  match(out, /^Configuration: \S+; plugin: unix:\/\/\S+\n$/, "nothing of the other plugin's");
  match(
    err,
    /^The Trousseau at http:\/\/127\.0\.0\.1:\d+ serves another socket, \/run\/other\/kms\.sock: asking the socket\./,
  );
});

Deno.test("status() uses the socket if HTTP is switched off", async () => {
  await using config = await TemporaryConfig.make();
  const never = () => {
    throw new TypeError("Nobody asks for this.");
  };
  const Status = () => ({ version: "v2", healthz: "ok", key_id: "t1-2" });
  const server = kmsServer({ v2: { Status, Encrypt: never, Decrypt: never } });
  await server.listen(`${config.folder}/kms.sock`);
  try {
    const { status, out } = await config.run("status", "--json");
    equal(status, 0);
    const { source, keyId, healthz } = JSON.parse(out);
    deepEqual([source, keyId, healthz], ["socket", "t1-2", "ok"]);
  } finally {
    await server.shutdown(0);
  }
});

Deno.test("asText() shows since when the quorum is lost", () => {
  const document = parseStatus(JSON.stringify({ ...good, quorum: lost }));
  match(document === undefined ? "" : asText(document, 600_000, false), /^Quorum: {2}lost for 10 min: Away\.$/m);
});

Deno.test("status() shows a retired provider as such, and counts it in no quorum", async () => {
  const { version: _version, lacksWrapSince: _lacks, ...old } = {
    ...well,
    name: "vault-old",
    health: "unknown" as const,
  };
  const { status, out } = await statusFor(() =>
    Response.json({ ...good, retired: [{ ...old, message: "not asked yet" }] })
  );
  equal(status, 0);
  match(out, /^Quorum: {2}held, 1 of 2 are needed$/m);
  match(out, /^vault-old +vault-transit +unknown .* retired$/m);
  equal(out.includes("not asked yet"), false);
  const unhealthyOld = { ...old, health: "sick", message: "Cannot unwrap: away." };
  match((await statusFor(() => Response.json({ ...good, retired: [unhealthyOld] }))).out, /^Cannot unwrap: away\.$/m);
});

Deno.test("status() shows the versions that cannot unwrap, and exits 77 if stored data is unreadable because of it", async () => {
  const sealed = (version: string, state: SealedVersionStatus["state"], announced: boolean): SealedVersionStatus => ({
    provider: "vault-eu",
    kind: "vault-transit",
    version,
    announced,
    state,
    code: state === "refused" ? "key_unusable" : "ok",
    message: state === "refused" ? "Vault has retired it." : "",
    testedAt: state === "not_tested" ? undefined : 0,
  });
  const old = [sealed("1@a", "refused", false), sealed("2@b", "opens", true), sealed("0@z", "not_tested", false)];
  const { status, out } = await statusFor(() => Response.json({ ...good, sealedVersions: old }));
  equal(status, 0, "what was rewritten may be retired");
  const gone = [sealed(well.version, "refused", true), sealed("0@lost", "refused", true)];
  const output = (await statusFor(() => Response.json({ ...good, sealedVersions: gone }))).out;
  match(output, new RegExp(`^vault-eu@${well.version} \\(in the announced key ID\\) cannot be opened`, "m"));
  match(output, /^vault-eu@0@lost \(lost while it was in the announced key ID\) cannot be opened/m);
  match(out, /^Sealed with before: 1 of 3 versions open; not tested: vault-eu@0@z$/m);
  match(out, /^vault-eu@1@a cannot be opened, tried \d+ d ago: Vault has retired it\.$/m);
  const now = [sealed("2@b", "refused", true)];
  const unreadable = "What this node has sealed cannot be opened again. Vault has retired it.";
  const lost = await statusFor(() => Response.json({ ...good, sealedVersions: now, unreadable }));
  equal(lost.status, 77);
  match(
    lost.out,
    /^Decrypt: What this node has sealed cannot be opened again\. Vault has retired it\.$/m,
  );
});

Deno.test("asText() attributes no wrap to a provider if there is no data key", () => {
  const text = (found: ServiceStatus) => {
    // As the plugin serves it: an absent value is null.
    const document = parseStatus(JSON.stringify({ ...found, dataKeyMadeAt: found.dataKeyMadeAt ?? null }));
    return document === undefined ? "" : asText(document, 600_000, false);
  };
  match(text(good), /^vault-eu .* no$/m);
  const none = text({ ...good, canEncrypt: false, dataKeyMadeAt: undefined, quorum: lost });
  equal(none.includes("Encrypt: not ready: Away."), true);
  match(none, /^vault-eu .* no data key yet$/m);
  match(none, /^vault-us .* no data key yet$/m);
});

const refuses = 'Cannot probe provider "vault": Vault answered 403 (permission denied).';

Deno.test("asText() does not report Encrypt as ready while a KMS refuses, and names the existing data key", () => {
  const dataKeyMadeAt = 600_000 - 4 * 60_000;
  const encrypt = (found: unknown) => /^Encrypt: (.*)$/m.exec(textOf(found, 600_000))?.[1];
  const refusing = { ...lost, refused: true, message: refuses };
  const held = `refused, although a data key made 4 min ago is held: the KMS refuses: ${refuses}`;
  equal(encrypt({ ...good, dataKeyMadeAt, canEncrypt: false, quorum: refusing }), held);
  // A plugin of an earlier version reports that it can encrypt, but not when the data key was created.
  const former = { ...good, dataKeyMadeAt: undefined, quorum: refusing };
  equal(encrypt(former), `refused, although a data key is held: the KMS refuses: ${refuses}`);
  const outage = "answered with the data key made 4 min ago; no KMS wraps another one: Away.";
  equal(encrypt({ ...good, dataKeyMadeAt, quorum: lost }), outage);
  const byPolicy = "refused, although a data key made 4 min ago is held: the outage policy has it so: Away.";
  equal(encrypt({ ...good, dataKeyMadeAt, canEncrypt: false, quorum: lost }), byPolicy);
  equal(encrypt(good), "ready");
});

Deno.test("asText() shows a state folder and an audit stream that cannot be written", () => {
  const message = "Cannot write to the state folder /state: the disk is full.";
  const stateFolder = { writable: false, since: at("18:06:00"), message };
  const text = textOf(wireForm({ ...good, stateFolder } as ServiceStatus));
  match(text, /^State: {3}Cannot write to the state folder \/state: the disk is full\. \(for 4 min\)$/m);
  match(textOf({ ...good, telemetry: "3 audit lines were lost." }), /^Audit: {3}3 audit lines were lost\.$/m);
  equal(/^(State|Audit):/m.test(textOf({ ...good, telemetry: "", stateFolder: null })), false);
});

const at = (text: string) => Date.parse(`2026-11-03T${text}Z`);

function textOf(found: unknown, now = at("18:10:00")): string {
  const document = parseStatus(JSON.stringify(found));
  return document === undefined ? "" : asText(document, now, false);
}

Deno.test("asText() shows when the key ID was announced and first used by an API server", () => {
  const found = { ...good, announcedAt: at("18:03:12"), firstEncryptAt: at("18:03:41") };
  match(textOf(found), /^ +announced 18:03:12, first Encrypt under it 18:03:41 \(UTC\)$/m);
  const unused = { ...found, firstEncryptAt: null };
  match(textOf(unused), /^ +announced 18:03:12, no Encrypt of an API server under it noted yet \(UTC\)$/m);
  const old = textOf(found, at("18:10:00") + 3 * 86_400_000);
  match(old, /announced 2026-11-03 18:03:12, first Encrypt under it 2026-11-03 18:03:41 \(UTC\)/);
  equal(textOf(good).includes("announced"), false, "of a plugin that does not tell");
  match(textOf({ ...found, announcedAt: 1e300 }), /announced \?,/);
  equal(
    textOf(wireForm({ ...found, firstEncryptAt: at("18:03:41") })),
    textOf(found),
    "RFC 3339 and milliseconds alike",
  );
});

const refused = [{ code: "key_unknown", message: "No such key.", envelopes: 3, since: at("18:08:00"), lastAt: 0 }];
const decrypts = { windowMs: 300_000, refused, lastOpenedAt: null, failing: true };

Deno.test("status() shows refused Decrypts, and exits 77 if stored data cannot be read", async () => {
  match(
    textOf({ ...good, decrypts }),
    /^Decrypt: 3 envelopes refused in the last 5 minutes, since 2 min: No such key\. \(key_unknown\)$/m,
  );
  equal((await statusFor(() => Response.json({ ...good, decrypts }))).status, 0, "some refusals are no sign");
  const { status, out } = await statusFor(() =>
    Response.json({ ...good, decrypts, unreadable: "Nothing can be read." })
  );
  equal(status, 77);
  match(out, /^Decrypt: Nothing can be read\.$/m);
  equal(textOf(good).includes("Decrypt:"), false);
});

Deno.test("status() without a configuration uses the socket if the stored address is damaged, and reports it", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/telemetry-address.json`, "{");
    const terminal = fakeTerminal({ variables: { STATE_DIRECTORY: folder, XDG_RUNTIME_DIR: folder } });
    equal(await run(["status"], trousseau, terminal), 69);
    match(terminal.err(), /telemetry-address\.json: the file is damaged; .*: asking the socket\.$/m);
    match(terminal.err(), /Cannot call v2 Status/);
  }));

/** Watches a plugin with these HTTP responses, until it has been shown as often as there are responses. */
async function watched(answers: readonly (() => Response)[], isTerminal: boolean, ...words: string[]) {
  let requests = 0;
  const answer = () => (answers[requests++] ?? answers.at(-1))?.() ?? new Response();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  await using config = await TemporaryConfig.make({
    telemetry: { listen: `127.0.0.1:${server.addr.port}`, audit: "off" },
  });
  const stop = new AbortController();
  const terminal = fakeTerminal({ signal: stop.signal, isTerminal });
  const shown: string[] = [];
  const stdout: Output = {
    isTerminal,
    write(text) {
      shown.push(text);
      if (shown.filter((one) => one !== "\x1b[2J").length === answers.length) stop.abort();
    },
  };
  const status = await run(["status", "-c", config.file, ...words], trousseau, { ...terminal, stdout });
  return { status, shown, err: terminal.err(), requests };
}

Deno.test("status(--watch --json) prints one document a line, also without a response, and exits with the last status", async () => {
  const answers = [() => Response.json(good), () => new Response("<html>")];
  const { status, shown, err } = await watched(answers, true, "--watch", "--interval", "1s", "--json");
  deepEqual([status, err], [69, ""]);
  equal(shown.length, 2);
  for (const text of shown) match(text, /^\{.*\}\n$/);
  const [first, second] = shown.map((text) => JSON.parse(text));
  deepEqual([first.source, first.keyId], ["http", "t1-1"]);
  deepEqual([second.source, second.ok, second.error.code], [null, false, "unreachable"]);
});

Deno.test("status(-w) overwrites a terminal, explains how to end it, and sends one request at a time", async () => {
  const answers = [() => Response.json(good), () => Response.json({ ...good, quorum: lost })];
  const { status, shown, err, requests } = await watched(answers, true, "-w", "--interval", "1s");
  deepEqual([status, err, requests], [69, "", 2]);
  equal(shown[0], "\x1b[2J");
  for (const text of shown.slice(1).map((one) => one.replaceAll("\x1b", "ESC"))) {
    match(text, /^ESC\[HConfiguration: /);
    match(text, /\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, every 1s; Ctrl-C ends itESC\[K\n/);
    match(text, /ESC\[K\nESC\[J$/);
  }
  match(shown[2] ?? "", /Quorum: {2}.*lost/);
});

Deno.test("status(-w) prints the tables below each other if stdout is not a terminal", async () => {
  const { status, shown } = await watched([() => Response.json(good)], false, "-w");
  equal(status, 0);
  equal(shown.join("").includes("\x1b"), false);
  match(shown.join(""), /^Configuration: .*\n\S+Z, every 2s; Ctrl-C ends it\nKey ID: {2}t1-1$/m);
});

Deno.test("status(--json) prints a document if there is no response", async () => {
  const { status, out } = await statusFor(() => new Response("<html>"), "--json");
  equal(status, 69);
  const { ok, error } = JSON.parse(out);
  deepEqual([ok, error.code], [false, "unreachable"]);
});

Deno.test("status(-v) reports on stderr the addresses of its requests", async () => {
  const { out, err } = await statusFor(() => Response.json(good), "-v", "--json");
  equal(JSON.parse(out).source, "http");
  match(err, /DEBUG The plugin has answered over HTTP\./);
});

Deno.test("status() and probe query the plugin even if others may write a credential file", async () => {
  await using config = await TemporaryConfig.make();
  const token = `${config.folder}/token`;
  await Deno.writeTextFile(token, "canary\n");
  await Deno.chmod(token, 0o666);
  const auth = { method: "token", token: { file: token } };
  const address = "https://vault.invalid:8200";
  await config.write({ providers: [{ name: "vault", kind: "vault-transit", address, key: "k", auth }] });
  equal((await config.run("check")).status, 78);
  for (const command of ["status", "probe"]) {
    const { status, out, err } = await config.run(command);
    equal(status, 69, err);
    match(out + err, /there is no such socket/);
  }
});

Deno.test("status() shows providers that only wrap, and warns of a loaded recovery key", async () => {
  const { lacksWrapSince: _lacks, version: _version, ...health } = well;
  const safe = { ...health, name: "safe", kind: "recovery" };
  const warning = "A recovery key is loaded: rewrite everything.";
  const { status, out } = await statusFor(() => Response.json({ ...good, wrapOnly: [safe], recoveryKey: warning }));
  equal(status, 0);
  match(out, /^safe +recovery +well .* wrap only$/m);
  match(out, /^Warning: A recovery key is loaded: rewrite everything\.$/m);
});
