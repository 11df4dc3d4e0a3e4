/**
 * `trousseau verify` of a snapshot with 100,000 Secrets beside `etcdutl snapshot status` of the same file. Both read every
 * page; etcdutl computes a checksum of the keys and values, and `verify` compares the SHA-256 of the file too.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import protobuf from "protobufjs";
import { repository } from "../../deploy/compile/stage.ts";
import { serverProgram } from "../e2e/servers.ts";
import { startCluster } from "../support/etcd.ts";
import { run } from "../support/processes.ts";
import type { Bench } from "./bench.ts";
import { median } from "./process_figures.ts";
import { number, printTable, ratio, type Target } from "./report.ts";

const secrets = 100_000;

/** Bytes of each object under its seed; a Secret with a certificate and its key has as many. */
const dataBytes = 1_800;

/** Writes in one transaction of etcd: its own limit is 128. */
const perTransaction = 100;

/** Time and memory of one run of a program. */
interface Cost {
  readonly seconds: number;
  /** Processor time, user and system. */
  readonly processor: number;
  readonly peakMb: number;
}

/** Measures and prints the table. @returns the targets. */
export async function measureSnapshot(bench: Bench): Promise<Target[]> {
  const etcdutl = await serverProgram("etcdutl");
  const file = join(bench.folder, "snapshot.db");
  await saveSnapshot(file);
  const programs = {
    "etcdutl snapshot status": [etcdutl, "snapshot", "status", file],
    "trousseau verify": [bench.launchers.plugin, "verify", "--snapshot", file, "--resources", "secrets", "--json"],
  } as const;
  const costs = new Map<string, Cost[]>(Object.keys(programs).map((name) => [name, []]));
  for (let round = 0; round < bench.rounds; round++) {
    for (const [name, command] of Object.entries(programs)) costs.get(name)?.push(await costOf(command));
  }
  const rows = [...costs].map(([name, list]) => ({
    name,
    seconds: median(list.map(({ seconds }) => seconds)),
    processor: median(list.map(({ processor }) => processor)),
    peakMb: median(list.map(({ peakMb }) => peakMb)),
  }));
  const [theirs, ours] = rows;
  if (theirs === undefined || ours === undefined) throw new Error("Cannot compare: nothing was measured.");
  const megabytes = (await Deno.stat(file)).size / 1e6;
  await printTable(
    `A snapshot of ${secrets} Secrets, ${number(megabytes)} MB`,
    ["program", "s", "to etcdutl", "processor s", "peak MB"],
    rows.map(({ name, seconds, processor, peakMb }) => [
      name,
      number(seconds),
      ratio(seconds / theirs.seconds),
      number(processor),
      number(peakMb),
    ]),
  );
  await Deno.remove(file);
  return [
    {
      what: "verify of a snapshot, to etcdutl snapshot status",
      figure: ours.seconds / theirs.seconds,
      unit: "x",
      bound: { atMost: 3 },
    },
    { what: "verify of a snapshot: peak memory", figure: ours.peakMb, unit: "MB", bound: { atMost: 150 } },
  ];
}

/** Runs a command to its end under GNU time. @throws {Error} if it fails. */
async function costOf(command: readonly string[]): Promise<Cost> {
  const words = ["-f", "%e %U %S %M", ...command];
  const { code, stderr } = await run("time", words, { env: { DENO: Deno.execPath() } });
  const [seconds = 0, user = 0, system = 0, kilobytes = 0] = (stderr.trimEnd().split("\n").at(-1) ?? "")
    .split(" ").map(Number);
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${stderr}`);
  return { seconds, processor: user + system, peakMb: kilobytes * 1024 / 1e6 };
}

/** Fills a real etcd and saves its snapshot. */
async function saveSnapshot(file: string): Promise<void> {
  await using etcd = await startCluster(1, await serverProgram("etcd-3.6"));
  const { prefix, rest } = await partsOfValue();
  for (let at = 0; at < secrets; at += perTransaction) {
    const success = Array.from({ length: perTransaction }, (_, index) => ({
      requestPut: {
        key: Buffer.from(`/registry/secrets/ns-${(at + index) % 20}/secret-${at + index}`).toString("base64"),
        value: Buffer.concat([prefix, dataField(), rest]).toString("base64"),
      },
    }));
    await etcd.api("/v3/kv/txn", { success });
  }
  const { caFile = "", certificateFile = "", keyFile = "" } = etcd.settings.tls;
  const tls = ["--cacert", caFile, "--cert", certificateFile, "--key", keyFile];
  const words = ["--endpoints", etcd.settings.endpoints.join(","), ...tls, "snapshot", "save", file];
  const { code, stderr } = await run("etcdctl", words, { env: { ETCDCTL_API: "3" } });
  if (code !== 0) throw new Error(`Cannot save the snapshot: ${stderr}`);
}

/** All of a value but its data, which kube-apiserver writes first: key ID, seed and annotations of a vector of the format. */
async function partsOfValue(): Promise<{ readonly prefix: Uint8Array; readonly rest: Uint8Array }> {
  const [vector] = JSON.parse(await Deno.readTextFile(join(repository, "tests/vectors/envelope_v2.json")));
  const writer = protobuf.Writer.create().uint32(0x12).string(vector.keyId)
    .uint32(0x1a).bytes(Buffer.from(vector.envelopeHex, "hex"));
  for (const [name, hex] of Object.entries<string>(vector.annotationsHex)) {
    writer.uint32(0x22).fork().uint32(0x0a).string(name).uint32(0x12).bytes(Buffer.from(hex, "hex")).ldelim();
  }
  return { prefix: Buffer.from("k8s:enc:kms:v2:trousseau:"), rest: writer.uint32(0x28).uint32(1).finish() };
}

function dataField(): Uint8Array {
  return protobuf.Writer.create().uint32(0x0a).bytes(randomBytes(dataBytes)).finish();
}
