/**
 * The findings about folders, the socket, the unit and certificates of a node.
 *
 * @module
 */
import { deepEqual } from "node:assert/strict";
import { writeHost } from "../../../../tests/support/host_folder.ts";
import { hostFiles } from "../../../config/apiserver/host_files.ts";
import type { HostStat } from "../../../config/apiserver/host_files.ts";
import { hostUnits } from "../../../config/apiserver/units.ts";
import { folderFindings } from "./node_folders.ts";
import { socketFindings } from "./node_socket.ts";
import { unitFindings } from "./node_unit.ts";

const mebibyte = 1024 * 1024;

type Entry = HostStat | "absent" | "forbidden";

/** Files that are examined and never read. @param entries by path; a path that is missing is a folder of root's. */
function filesWith(entries: Readonly<Record<string, Partial<HostStat> | "absent" | "forbidden">>) {
  const root: HostStat = { kind: "folder", mode: 0o755, uid: 0, gid: 0 };
  return {
    ...hostFiles("/"),
    names: (folder: string) =>
      Promise.resolve(
        Object.keys(entries).filter((path) => path.startsWith(`${folder}/`)).map((path) =>
          path.slice(folder.length + 1)
        ),
      ),
    stat: (path: string): Promise<Entry> => {
      const entry = entries[path];
      return Promise.resolve(typeof entry === "string" ? entry : { ...root, ...entry });
    },
  };
}

const config = {
  state: "/var/lib/trousseau",
  socket: { path: "/run/trousseau/kms.sock", mode: 0o600, owner: undefined, group: undefined },
  telemetry: { listen: undefined, log: { level: "info", format: "text" }, audit: "/var/log/audit/kms.log" },
  keyring: { isWritten: false },
} as const;

/** The IDs of folders with a state folder of mode 0700. */
async function folderIds(entries: Parameters<typeof filesWith>[0], free: number | undefined = 900 * mebibyte) {
  const files = filesWith({ "/var/lib/trousseau": { mode: 0o700 }, ...entries });
  const findings = await folderFindings(config, files, () => Promise.resolve(free));
  return findings.filter(({ severity }) => severity !== "ok").map(({ id }) => id);
}

Deno.test("folderFindings() finds nothing in healthy folders, and counts them", async () => {
  deepEqual(await folderIds({}), []);
  const findings = await folderFindings(
    config,
    filesWith({ "/var/lib/trousseau": { mode: 0o700 } }),
    () => Promise.resolve(2048 * mebibyte),
  );
  deepEqual(findings.map(({ id }) => id), [
    "folder-well",
    "folder-well",
    "folder-well",
    "space-enough",
    "space-enough",
  ]);
  deepEqual(findings.at(-1)?.sentence, "/var/log/audit has 2048 MiB free.");
});

Deno.test("folderFindings() finds folders that others may write or read, and folders that are missing", async () => {
  deepEqual(await folderIds({ "/var/lib/trousseau": { mode: 0o777 } }), ["folder-open"]);
  deepEqual(await folderIds({ "/var/lib/trousseau": { mode: 0o755 } }), ["folder-readable"]);
  deepEqual(await folderIds({ "/run/trousseau": { mode: 0o777 } }), ["folder-open"]);
  deepEqual(await folderIds({ "/run/trousseau": { mode: 0o1777 } }), []);
  deepEqual(await folderIds({ "/var/lib/trousseau": "absent" }), ["folder-absent"]);
  deepEqual(await folderIds({ "/var/lib/trousseau": "forbidden" }), ["folder-unexamined"]);
});

Deno.test("folderFindings() finds files of another user in the state folder", async () => {
  const own = { "/var/lib/trousseau": { mode: 0o700, uid: 990 } };
  deepEqual(await folderIds({ ...own, "/var/lib/trousseau/a": { kind: "file", uid: 990 } }), []);
  deepEqual(await folderIds({ ...own, "/var/lib/trousseau/a": { kind: "file", uid: 0 } }), ["file-foreign"]);
});

Deno.test("folderFindings() finds little space, none, and space that cannot be read", async () => {
  deepEqual(await folderIds({}, 50 * mebibyte), ["space-low", "space-low"]);
  deepEqual(await folderIds({}, mebibyte), ["space-none", "space-none"]);
  const findings = await folderFindings(config, filesWith({}), () => Promise.resolve(undefined));
  deepEqual(findings.filter(({ id }) => id === "space-unknown").map(({ severity }) => severity), ["skip", "skip"]);
});

/** The IDs for a socket. */
async function socketIds(entries: Parameters<typeof filesWith>[0], user: number, ...groups: number[]) {
  const findings = await socketFindings(config.socket.path, { user, groups }, filesWith(entries));
  return findings.map(({ id }) => id);
}

Deno.test("socketFindings() follows user, group and mode of the socket and of each folder", async () => {
  const socket = { kind: "socket", uid: 990, gid: 991, mode: 0o660 } as const;
  const at = { "/run/trousseau/kms.sock": socket };
  deepEqual(await socketIds(at, 0), ["socket-reachable"]);
  deepEqual(await socketIds(at, 990), ["socket-reachable"]);
  deepEqual(await socketIds(at, 5, 991), ["socket-reachable"]);
  deepEqual(await socketIds(at, 5, 6), ["socket-closed"]);
  deepEqual(await socketIds({ ...at, "/run/trousseau": { mode: 0o700, uid: 990 } }, 5, 991), ["socket-closed"]);
  // The owner's bits count for the owner, also if those of others permit more.
  deepEqual(await socketIds({ "/run/trousseau/kms.sock": { ...socket, mode: 0o060 } }, 990, 991), ["socket-closed"]);
});

Deno.test("socketFindings() finds a socket that is missing, or open to every user", async () => {
  deepEqual(await socketIds({ "/run/trousseau/kms.sock": "absent" }, 0), ["socket-absent"]);
  deepEqual(await socketIds({ "/run/trousseau/kms.sock": { mode: 0o666 } }, 0), ["socket-open"]);
  deepEqual(await socketIds({ "/run/trousseau/kms.sock": "forbidden" }, 0), ["folder-unexamined"]);
});

const unitPath = "/usr/lib/systemd/system/trousseau.service";
const unit = "[Unit]\nBefore=kubelet.service\n[Service]\nExecStart=/usr/local/bin/trousseau serve --config /e\n";
const link = "/etc/systemd/system/multi-user.target.wants/trousseau.service";

/** The IDs for units. */
async function unitIds(texts: Readonly<Record<string, string>>, service = "kubelet.service") {
  await using host = await writeHost(texts);
  const files = hostFiles(host.root);
  return (await unitFindings(service, await hostUnits(files), files)).map(({ id }) => id);
}

Deno.test("unitFindings() finds the order by the unit, by a drop-in and by the other unit", async () => {
  deepEqual(await unitIds({ [unitPath]: unit, [link]: "" }), ["unit-ordered"]);
  const without = unit.replace("Before", "After");
  deepEqual(await unitIds({ [unitPath]: without, [link]: "" }), ["unit-unordered"]);
  const dropIn = { "/etc/systemd/system/trousseau.service.d/a.conf": "[Unit]\nBefore=kubelet.service\n" };
  deepEqual(await unitIds({ [unitPath]: without, [link]: "", ...dropIn }), ["unit-ordered"]);
  const kubelet = {
    "/etc/systemd/system/kubelet.service": "[Unit]\nAfter=trousseau.service\nWants=trousseau.service\n",
  };
  deepEqual(await unitIds({ [unitPath]: without, ...kubelet }), ["unit-ordered"]);
  deepEqual(await unitIds({ [unitPath]: unit, [link]: "" }, "k3s.service"), ["unit-unordered"]);
});

Deno.test("unitFindings() finds a unit that nothing starts, a static pod, and neither", async () => {
  deepEqual(await unitIds({ [unitPath]: unit }), ["unit-ordered", "unit-disabled"]);
  const pod = "spec:\n  containers:\n    - image: registry.example/trousseau:1\n";
  deepEqual(await unitIds({ "/etc/kubernetes/manifests/kms.yaml": pod }), ["unit-pod"]);
  deepEqual(await unitIds({ "/etc/kubernetes/manifests/etcd.yaml": "spec: {}" }), ["unit-absent"]);
  const keyring = unit.replace("trousseau serve", "trousseau keyring serve");
  deepEqual(await unitIds({ [unitPath]: keyring, [link]: "" }), ["unit-absent"]);
});
