import { deepEqual, rejects } from "node:assert/strict";
import { parseStatus } from "../status_document.ts";
import { nodesFindings } from "./nodes_findings.ts";

const signal = new AbortController().signal;

/** The status of a healthy node. */
function statusWith(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    version: "0.1.0",
    configuration: "00112233",
    time: new Date().toISOString(),
    keyId: "t1-a",
    provisional: false,
    message: "",
    needed: 1,
    canEncrypt: true,
    quorum: { state: "held" },
    providers: [{
      name: "vault",
      kind: "vault-transit",
      health: "well",
      message: "",
      code: "ok",
      since: 0,
      version: "1",
    }],
    ...changes,
  };
}

/** A node of which each request gets another status. */
function serveStatus(status: () => unknown): { readonly address: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => Response.json(status()));
  return { address: `http://127.0.0.1:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** The IDs for this node, and another one with changes. */
async function ids(changes: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  await using node = serveStatus(() => statusWith(changes));
  const own = parseStatus(JSON.stringify(statusWith()));
  return (await nodesFindings(node.address, own, signal)).map(({ id }) => id);
}

Deno.test("nodesFindings() finds that nodes agree, and each difference", async () => {
  deepEqual(await ids({}), ["nodes-agree"]);
  deepEqual(await ids({ keyId: "t1-b" }), ["node-key"]);
  deepEqual(await ids({ keyId: null, message: "No KMS has answered yet." }), ["node-unwell", "node-key"]);
  deepEqual(await ids({ configuration: "99" }), ["node-configuration"]);
  deepEqual(await ids({ version: "0.0.9" }), ["node-version"]);
  deepEqual(await ids({ version: "0.0.9", configuration: "99" }), ["node-version"]);
  const [provider] = statusWith().providers;
  deepEqual(await ids({ providers: [{ ...provider, version: "2" }] }), ["node-versions"]);
  deepEqual(await ids({ quorum: { state: "lost", since: 0, refused: false, message: "Away." } }), [
    "nodes-agree",
    "node-unwell",
  ]);
});

Deno.test("nodesFindings() finds a clock that differs by more than 5 s, in either direction", async () => {
  const shifted = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  await using node = serveStatus(() => statusWith({ time: shifted(3600) }));
  await using late = serveStatus(() => statusWith({ time: shifted(-3600) }));
  const found = await nodesFindings(`${node.address}, ${late.address}`, undefined, signal);
  const clocks = found.filter(({ id }) => id === "node-clock").map(({ sentence }) =>
    sentence.replace(/\d{4} s/, "N s")
  );
  deepEqual(clocks, [
    `The clock of ${node.address} is N s ahead of that of this node.`,
    `The clock of ${late.address} is N s behind that of this node.`,
  ]);
});

Deno.test("nodesFindings() reads files of status --json, and says which node gives no status", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.json`, JSON.stringify({ source: "http", file: null, ...statusWith() }));
  await Deno.writeTextFile(`${folder}/b.json`, "{}");
  const list = [
    `${folder}/a.json`,
    `${folder}/b.json`,
    `${folder}/c.json`,
    "http://127.0.0.1:1",
    "https://127.0.0.1:1",
    "http://:",
  ].join(",");
  const found = await nodesFindings(list, parseStatus(JSON.stringify(statusWith())), signal);
  await Deno.remove(folder, { recursive: true });
  deepEqual(found.map(({ id }) => id), ["nodes-agree", ...Array(5).fill("node-silent")]);
});

Deno.test("nodesFindings() skips what was not asked for, and refuses an empty list", async () => {
  deepEqual((await nodesFindings(undefined, undefined, signal)).map(({ id }) => id), ["nodes-unasked"]);
  await rejects(nodesFindings(" , ", undefined, signal), /--nodes is a list/);
});
