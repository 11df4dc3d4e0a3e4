import { deepEqual, equal, match, throws } from "node:assert/strict";
import { type EncryptionProvider, readEncryptionFile } from "../../config/encryption/file.ts";
import { type Staged, staged, type StageRequest } from "./encryption_stages.ts";

const socketPath = "/run/t/kms.sock";
const request = { stage: "read", name: "trousseau", socketPath, apiVersion: "v2" } as const satisfies StageRequest;

/** `aescbc`, `identity`, `kms:NAME`, `kms:NAME@ENDPOINT` or `kms1:NAME` for v1. */
function provider(text: string): unknown {
  const [, version = "", name, endpoint = socketPath] = /^kms(1?):([^@]+)(?:@(.*))?$/.exec(text) ?? [];
  if (name === undefined) {
    return {
      [text]: text === "identity"
        ? {}
        : { keys: [{ name: "k", secret: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" }] },
    };
  }
  return { kms: { apiVersion: version === "1" ? "v1" : "v2", name, endpoint: `unix://${endpoint}` } };
}

type Entry = readonly [resources: string, providers: string];

function fileOf(entries: readonly Entry[]) {
  const resources = entries.map(([resources, providers]) => ({
    resources: resources.split(" "),
    providers: providers.split(" ").map(provider),
  }));
  const text = JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
  return readEncryptionFile("EC.json", text);
}

function word(provider: EncryptionProvider | undefined): string {
  return provider?.kind === "kms" ? `kms:${provider.name}` : `${provider?.kind}`;
}

function run(
  entries: readonly Entry[],
  changes: Partial<StageRequest> = {},
): { lists: string[][]; notes: Staged["notes"] } {
  const file = fileOf(entries);
  const { entries: found, notes } = staged(file, { ...request, ...changes });
  const lists = found.map(({ from, providers, resources }) => [
    resources.join(" "),
    providers.map((one) => {
      if (typeof one === "string") return one;
      return typeof one === "object" ? `+kms:${one.kms}` : word(file.entries[from ?? -1]?.providers[one]);
    }).join(" "),
  ]);
  return { lists, notes };
}

const shapes: readonly {
  readonly what: string;
  readonly from: readonly Entry[];
  readonly changes?: Partial<StageRequest>;
  readonly read?: readonly Entry[];
  readonly write: readonly Entry[];
  readonly final: readonly Entry[];
}[] = [
  {
    what: "one key provider and identity",
    from: [["secrets", "aescbc identity"]],
    read: [["secrets", "aescbc +kms:trousseau identity"]],
    write: [["secrets", "+kms:trousseau aescbc identity"]],
    final: [["secrets", "+kms:trousseau"]],
  },
  {
    what: "no identity",
    from: [["secrets", "secretbox"]],
    read: [["secrets", "secretbox +kms:trousseau"]],
    write: [["secrets", "+kms:trousseau secretbox"]],
    final: [["secrets", "+kms:trousseau"]],
  },
  {
    what: "identity first, which writes plain text",
    from: [["secrets", "identity aescbc aesgcm"]],
    read: [["secrets", "identity +kms:trousseau aescbc aesgcm"]],
    write: [["secrets", "+kms:trousseau identity aescbc aesgcm"]],
    final: [["secrets", "+kms:trousseau"]],
  },
  {
    what: "several entries, one of them an exception from a wildcard",
    from: [["events", "identity"], ["secrets configmaps", "aescbc identity"], ["*.*", "aesgcm"]],
    read: [
      ["events", "identity"],
      ["secrets configmaps", "aescbc +kms:trousseau identity"],
      ["*.*", "aesgcm +kms:trousseau-2"],
    ],
    write: [
      ["events", "identity"],
      ["secrets configmaps", "+kms:trousseau aescbc identity"],
      ["*.*", "+kms:trousseau-2 aesgcm"],
    ],
    final: [["events", "identity"], ["secrets configmaps", "+kms:trousseau"], ["*.*", "+kms:trousseau-2"]],
  },
  {
    what: "another plugin",
    from: [["secrets", "kms:other@/run/other.sock identity"]],
    read: [["secrets", "kms:other +kms:trousseau identity"]],
    write: [["secrets", "+kms:trousseau kms:other identity"]],
    final: [["secrets", "+kms:trousseau"]],
  },
  {
    what: "our own v1 under another name, behind the same socket",
    from: [["secrets", "kms1:old identity"]],
    read: [["secrets", "kms:old +kms:trousseau identity"]],
    write: [["secrets", "+kms:trousseau kms:old identity"]],
    final: [["secrets", "+kms:trousseau"]],
  },
  {
    what: "the output of read",
    from: [["secrets", "aescbc kms:trousseau identity"]],
    read: [["secrets", "aescbc kms:trousseau identity"]],
    write: [["secrets", "kms:trousseau aescbc identity"]],
    final: [["secrets", "kms:trousseau"]],
  },
  {
    what: "the output of write, with numbered names",
    from: [["secrets", "kms:trousseau aescbc identity"], ["configmaps", "kms:trousseau-2 identity"]],
    read: [["secrets", "aescbc kms:trousseau identity"], ["configmaps", "identity kms:trousseau-2"]],
    write: [["secrets", "kms:trousseau aescbc identity"], ["configmaps", "kms:trousseau-2 identity"]],
    final: [["secrets", "kms:trousseau"], ["configmaps", "kms:trousseau-2"]],
  },
  {
    what: "the output of final",
    from: [["secrets", "kms:trousseau"]],
    write: [["secrets", "kms:trousseau"]],
    final: [["secrets", "kms:trousseau"]],
  },
  {
    what: "resources that the file does not list",
    from: [["secrets", "aescbc identity"]],
    changes: { resources: ["secrets", "configmaps", "*.apps"] },
    read: [["secrets", "aescbc +kms:trousseau identity"], ["configmaps *.apps", "identity +kms:trousseau-2"]],
    write: [["secrets", "+kms:trousseau aescbc identity"], ["configmaps *.apps", "+kms:trousseau-2 identity"]],
    final: [["secrets", "+kms:trousseau"], ["configmaps *.apps", "+kms:trousseau-2"]],
  },
  {
    what: "some entries only, and an exception by its own name",
    from: [["events", "identity"], ["secrets", "aescbc"], ["configmaps", "aescbc"]],
    changes: { resources: ["events", "configmaps"] },
    read: [
      ["events", "identity +kms:trousseau"],
      ["secrets", "aescbc"],
      ["configmaps", "aescbc +kms:trousseau-2"],
    ],
    write: [
      ["events", "+kms:trousseau identity"],
      ["secrets", "aescbc"],
      ["configmaps", "+kms:trousseau-2 aescbc"],
    ],
    final: [["events", "+kms:trousseau"], ["secrets", "aescbc"], ["configmaps", "+kms:trousseau-2"]],
  },
  {
    what: "a wildcard over listed entries, which leaves an exception alone",
    from: [["events", "identity"], ["secrets", "aescbc"]],
    changes: { resources: ["*.*"] },
    read: [["events", "identity"], ["secrets", "aescbc +kms:trousseau"], ["*.*", "identity +kms:trousseau-2"]],
    write: [["events", "identity"], ["secrets", "+kms:trousseau aescbc"], ["*.*", "+kms:trousseau-2 identity"]],
    final: [["events", "identity"], ["secrets", "+kms:trousseau"], ["*.*", "+kms:trousseau-2"]],
  },
];

for (const { what, from, changes, ...stages } of shapes) {
  for (const stage of ["read", "write", "final"] as const) {
    const expected = stages[stage];
    if (expected === undefined) continue;
    Deno.test(`staged() ${stage} of ${what}`, () => deepEqual(run(from, { ...changes, stage }).lists, expected));
  }
}

const refused: readonly {
  readonly what: string;
  readonly from: readonly Entry[];
  readonly changes?: Partial<StageRequest>;
  readonly complaint: RegExp;
}[] = [
  {
    what: "a kms of our name at another socket",
    from: [["configmaps", "identity"], ["secrets", "aescbc kms:trousseau@/run/x.sock"]],
    complaint: /^KmsError: EC\.json:1:\d+: resources\[1\]\.providers\[1\]\.kms\.name: has another endpoint/,
  },
  {
    what: "a kms of our name over v1",
    from: [["secrets", "kms1:trousseau"]],
    complaint: /has apiVersion v1 and not v2/,
  },
  { what: "a file that encrypts nothing", from: [["secrets", "identity"]], complaint: /encrypts nothing/ },
  {
    what: "a part of an entry",
    from: [["secrets configmaps", "aescbc"]],
    changes: { resources: ["secrets"] },
    complaint: /secrets of resources\[0\] and not configmaps/,
  },
  {
    what: "a resource that a wildcard of the file covers",
    from: [["*.*", "aescbc"]],
    changes: { resources: ["secrets"] },
    complaint: /secrets, which resources\[0\] covers by \*\.\*/,
  },
  {
    what: "a resource of two entries",
    from: [["secrets", "aescbc"], ["pods secrets.", "identity"]],
    complaint: /resources\[0\] and resources\[1\]/,
  },
  {
    what: "read where no old provider is left",
    from: [["secrets", "kms:trousseau"]],
    complaint: /needs the old providers/,
  },
];

for (const { what, from, changes, complaint } of refused) {
  Deno.test(`staged() refuses ${what}`, () => throws(() => run(from, changes), complaint));
}

Deno.test("staged() notes facts that are easily overlooked", () => {
  const all = (from: readonly Entry[], changes: Partial<StageRequest> = {}) => run(from, changes).notes.join("\n");
  match(
    all([["events", "identity"], ["secrets", "aescbc"]]),
    /^resources\[0\] \(events\) has identity alone.*--resources/,
  );
  match(all([["secrets", "aescbc"], ["pods", "aescbc"]], { resources: ["pods"] }), /\(secrets\) is not in --resources/);
  match(all([["secrets", "identity aescbc"]]), /written as plain text today/);
  match(all([["secrets", "kms:trousseau aescbc"]]), /goes back/);
  match(
    all([["secrets", "aescbc identity"]], { stage: "final" }),
    /not written with kms trousseau.*\n.*loses aescbc, identity/,
  );
  match(all([["secrets", "kms:old"]]), /kms old at the same socket/);
  match(all([["secrets", "aescbc"], ["pods", "aescbc"]]), /\(pods\) has the kms name trousseau-2/);
  equal(all([["secrets", "aescbc identity"]], { stage: "write" }), "");
});

Deno.test("staged() takes /var/run for /run, in the file and in --socket: both spellings mean one socket", () => {
  const spellings = [
    ["/var/run/t/kms.sock", socketPath],
    [socketPath, "/var/run/t/kms.sock"],
    ["/var/run/t/./kms.sock", socketPath],
  ] as const;
  for (const [written, asked] of spellings) {
    const change = { stage: "write", socketPath: asked } as const;
    const { lists, notes } = run([["secrets", `aescbc kms:trousseau@${written}`]], change);
    deepEqual([lists, notes], [[["secrets", "kms:trousseau aescbc"]], []], written);
    match(run([["secrets", `kms:old@${written}`]], change).notes.join(), /kms old at the same socket/);
  }
  for (const other of ["/var/running/t/kms.sock", "/srv/var/run/t/kms.sock", "/var/run/kms.sock"]) {
    throws(() => run([["secrets", `aescbc kms:trousseau@${other}`]]), /has another endpoint than --socket/);
  }
});

Deno.test("staged() generates no duplicate name, whatever names the file contains", () => {
  const from: Entry[] = [["a", "kms:trousseau-2@/run/other.sock"], ["b", "aescbc"], ["c", "aescbc"]];
  const { lists } = run(from, { stage: "write" });
  deepEqual(lists.map(([, providers]) => providers), [
    "+kms:trousseau kms:trousseau-2",
    "+kms:trousseau-3 aescbc",
    "+kms:trousseau-4 aescbc",
  ]);
});
