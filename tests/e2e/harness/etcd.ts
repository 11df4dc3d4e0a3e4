/**
 * A real etcd on loopback, with access to its whole content.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { freePort, Process, waitFor } from "../../support/processes.ts";

/** One key and its value. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** A running etcd. */
export interface Etcd extends AsyncDisposable {
  readonly url: string;
  readonly process: Process;
  /** All present keys. */
  entries(): Promise<Entry[]>;
  /** Each file of its database and its log, which also contain overwritten and deleted values. */
  files(): Promise<Entry[]>;
}

/** Starts an etcd with its data in `folder`. */
export async function startEtcd(folder: string): Promise<Etcd> {
  const [client, peer] = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`);
  const process = new Process({
    name: "etcd",
    command: "etcd",
    args: [
      ["--data-dir", folder],
      ["--listen-client-urls", client],
      ["--advertise-client-urls", client],
      ["--listen-peer-urls", peer],
      ["--initial-advertise-peer-urls", peer],
      ["--initial-cluster", `default=${peer}`],
    ].flat().map(String),
  });
  const healthy = async () => (await (await fetch(`${client}/health`)).text()).includes("true");
  await waitFor("etcd", healthy, { timeoutMs: 60_000, alive: [process] });
  return {
    url: `${client}`,
    process,
    entries: () => range(`${client}`),
    files: () => filesUnder(folder),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

// etcd's JSON gateway: a range from the zero byte to the zero byte is all keys.
async function range(url: string): Promise<Entry[]> {
  const body = JSON.stringify({ key: "AA==", range_end: "AA==" });
  const response = await fetch(`${url}/v3/kv/range`, { method: "POST", body });
  if (!response.ok) throw new Error(`Cannot read etcd: it answered ${response.status}.`);
  const answer: { kvs?: { key: string; value?: string }[] } = await response.json();
  const decode = (text: string) => Buffer.from(text, "base64");
  return (answer.kvs ?? []).map(({ key, value = "" }) => ({ key: `${decode(key)}`, value: decode(value) }));
}

async function filesUnder(folder: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await filesUnder(path));
    else found.push({ key: path, value: withoutPadding(await Deno.readFile(path)) });
  }
  return found;
}

// The log is preallocated with 64 MB of zeros.
function withoutPadding(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

/** A place with a secret in plain text. */
export interface Leak {
  readonly key: string;
  readonly secret: string;
  readonly form: "value" | "base64";
}

/**
 * Searches each value for each secret, in plain text and in base64.
 *
 * @param secrets ASCII texts of at least 16 characters: shorter ones could occur by chance.
 */
export function findLeaks(entries: readonly Entry[], secrets: readonly string[]): Leak[] {
  const needles = secrets.flatMap((secret) => {
    const bytes = new TextEncoder().encode(secret);
    const base64 = base64Forms(bytes).map((text) => ({ secret, form: "base64" as const, text }));
    return [{ secret, form: "value" as const, text: secret }, ...base64];
  });
  const leaks = entries.flatMap(({ key, value }) => {
    const haystack = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
    return needles.filter(({ text }) => haystack.includes(text)).map(({ secret, form }) => ({ key, secret, form }));
  });
  return [...new Map(leaks.map((leak) => [JSON.stringify(leak), leak])).values()];
}

/**
 * The base64 forms of bytes at each offset in the encoded text, without characters that depend on other bytes.
 */
export function base64Forms(bytes: Uint8Array): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const certain = encoded.slice(offset === 0 ? 0 : offset + 1, Math.floor((offset + bytes.length) * 8 / 6));
    return [certain, certain.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
