/**
 * The authority of a keyring, over TLS: it changes while the server runs, and the server's certificate may be the operator's.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { certificatesIn } from "../../lib/services/keyring/identity/certificate_authority.ts";
import { authorityFingerprint } from "../../lib/services/keyring/identity/server_certificate.ts";
import { Authority } from "../support/certificates.ts";
import { ClectlStage, well } from "../support/clectl_stage.ts";
import { runClectl } from "../support/clectl_terminal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { freePort, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const soon = { timeoutMs: 60_000 };
const policy = "roles: {dev: {rules: [{path: db, verbs: [read, list]}]}}";

/** A server on a port, with a secret and a policy. */
async function openSite(folder: string, section: Readonly<Record<string, unknown>> = {}) {
  const machine = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
  const port = freePort();
  await machine.configure("a", { store: machine.storeFolder, listen: `127.0.0.1:${port}`, ...section });
  const server = machine.serve();
  await machine.ready(server);
  const listens = async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  };
  await waitFor("the TLS port", listens, { ...soon, alive: [server] });
  await Deno.writeTextFile(`${folder}/policy.yaml`, policy);
  equal((await machine.clectl(`policy set ${folder}/policy.yaml`)).status, 0);
  equal((await machine.clectl("create db/john -f password --stdin", "mysuprP@ssw0rd")).status, 0);
  const url = `https://localhost:${port}`;
  return {
    machine,
    server,
    url,
    /** Runs a command as a person with a home. */
    as: (name: string, line: string, stdin?: string) =>
      runClectl(line.split(" "), {
        variables: { HOME: `${folder}/${name}` },
        ...(stdin === undefined ? {} : { stdin }),
      }),
    /** Enrols a person, who pins a fingerprint. */
    async enrol(name: string, fingerprint: string): Promise<void> {
      const { status, out, err } = await machine.clectl(`enrol ${name} --roles dev`);
      equal(status, 0, err);
      const login = await this.as(name, `login ${url} --fingerprint ${fingerprint}`, out);
      equal(login.status, 0, login.err);
    },
    /** The password, as a person reads it. */
    async read(name: string): Promise<string> {
      const { out, err } = await this.as(name, "get db/john -f password");
      return out + err;
    },
    /** Context and certificate of a person. */
    async kept(name: string): Promise<{ readonly ca: string; readonly certificate: string }> {
      const json = async (path: string) =>
        JSON.parse(await Deno.readTextFile(`${folder}/${name}/${path}/localhost.json`));
      const { ca } = await json(".config/clectl/contexts");
      return { ca, certificate: (await json(".local/state/clectl/identities")).certificate };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function isSignedBy(certificate: string, authority = ""): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey);
}

Deno.test("keyring ca rotate on a running server: clients of the old authority go on, and new ones learn both", () =>
  inFolder(async (folder) => {
    await using site = await openSite(folder);
    const { machine, server } = site;
    const caFile = `${folder}/keyring/ca.pem`;
    const old = await Deno.readTextFile(caFile);
    equal(certificatesIn(old).length, 1);
    equal(((await Deno.stat(caFile)).mode ?? 0) & 0o777, 0o600);
    await site.enrol("anna", authorityFingerprint(old));
    await Deno.writeTextFile(`${folder}/old.pem`, old);
    const { token } = JSON.parse((await machine.clectl("token create job --role dev --ttl 1h -o json")).out);
    await Deno.writeTextFile(`${folder}/token`, token, { mode: 0o600 });
    const context = `context set job --address ${site.url} --ca ${folder}/old.pem --token-file ${folder}/token`;
    equal((await site.as("job", context)).status, 0);
    equal((await site.as("job", "context use job")).status, 0);

    const rotated = await machine.command("ca", "rotate", "--json");
    equal(rotated.code, 0, rotated.stderr);
    const report = JSON.parse(rotated.stdout);
    const [newest, before, ...more] = certificatesIn(report.bundle);
    deepEqual([report.authorities, before, more], [2, old, []]);
    equal(report.fingerprint, authorityFingerprint(newest ?? ""));
    await waitFor("the new file of authorities", async () => await Deno.readTextFile(caFile) === report.bundle, {
      ...soon,
      alive: [server],
    });

    for (const name of ["anna", "job"]) equal(await site.read(name), "mysuprP@ssw0rd", name);
    await site.enrol("bea", authorityFingerprint(old));
    equal(await site.read("bea"), "mysuprP@ssw0rd");
    const [anna, bea] = [await site.kept("anna"), await site.kept("bea")];
    deepEqual([anna.ca, bea.ca], [old, report.bundle]);
    ok(isSignedBy(anna.certificate, old) && isSignedBy(bea.certificate, newest));
    const verified = await machine.command("verify");
    equal(verified.code, 0, verified.stdout);

    await server.stop();
    const again = await machine.command("ca", "rotate");
    equal(again.code, 0, "without a server the command opens the store itself");
    match(again.stdout, /; 3 are trusted\.$/m);
  }));

Deno.test("a person who pins the operator's own authority keeps it: the store's signs people alone", () =>
  inFolder(async (folder) => {
    const authority = new Authority("Operator CA");
    const pair = authority.issue({ commonName: "localhost", names: ["localhost"], usages: ["server"] });
    const tls = { certificateFile: `${folder}/server.pem`, keyFile: `${folder}/server.key` };
    await Deno.writeTextFile(tls.certificateFile, pair.certificate + authority.certificate, { mode: 0o600 });
    await Deno.writeTextFile(tls.keyFile, pair.key, { mode: 0o600 });
    await using site = await openSite(folder, { tls });
    await site.enrol("anna", authorityFingerprint(authority.certificate));
    equal(await site.read("anna"), "mysuprP@ssw0rd");
    const { ca, certificate } = await site.kept("anna");
    equal(ca.trim(), authority.certificate.trim());
    notEqual(isSignedBy(certificate, ca), true);
    equal((await site.machine.command("ca", "rotate")).code, 0);
    equal(await site.read("anna"), "mysuprP@ssw0rd");
  }));

const dayMs = 86_400_000;

Deno.test("at the end of the overlap people and machines know the new authority, and a file with the old one does not", async () => {
  const clock = new FakeClock();
  // The handshake goes by the clock of the machine: the server's certificate changes today.
  clock.setWall(Date.now() - 61 * dayMs - clock.wall());
  const taker = { kind: "issuer", name: "ci", subject: "main", claims: new Map() } as const;
  const issuer = { name: "ci", verify: () => Promise.resolve({ kind: "oidc", name: "oidc:ci/main", taker } as const) };
  await using stage = await ClectlStage.open({ clock, issuers: [issuer] });
  const { keyring: { authority }, url } = stage;
  const as = (home: string, line: string, stdin?: string) =>
    runClectl(line.split(" "), {
      clock,
      variables: { HOME: `${stage.folder}/${home}` },
      ...(stdin === undefined ? {} : { stdin }),
    });
  const roles = "roles: {dev: {take: [{issuer: ci, subject: main}], rules: [{path: db, verbs: [read]}]}}";
  well(await stage.admin(`policy set ${await stage.file("policy.yaml", roles)}`));
  const ca = await stage.file("old.pem", await authority.trusted(stage.keyring.store.signal));
  const code = well(await stage.admin("enrol anna --roles dev")).out;
  well(await as("anna", `login ${url} --fingerprint ${stage.fingerprint}`, code));
  const jwt = await stage.file("jwt", "a.b.c");
  well(await as("job", `login ${url} --ca ${ca} --jwt --role dev --token-file ${jwt}`));
  const { token } = JSON.parse(well(await stage.admin("token create file --role dev --ttl 90d -o json")).out);
  const file = await stage.file("token", token);
  await Deno.chmod(file, 0o600);
  for (const home of ["pinned", "both"]) {
    well(await as(home, `context set own --address ${url} --ca ${ca} --token-file ${file}`));
    well(await as(home, "context use own"));
  }
  const bundle = await authority.rotate(stage.keyring.store.signal);
  const [newest] = certificatesIn(bundle);
  for (let days = 0; days < 60; days += 5) {
    clock.setWall(5 * dayMs);
    for (const home of ["anna", "job", "pinned"]) well(await as(home, "whoami"));
  }
  clock.setWall(dayMs);
  equal(certificatesIn(await stage.renewCertificate())[1], newest, "the server changes to the new authority");
  const both = await stage.file("ca.pem", bundle);
  well(await as("both", `context set own --address ${url} --ca ${both} --token-file ${file}`));
  for (const home of ["anna", "job", "both"]) well(await as(home, "whoami"));
  const refused = await as("pinned", "whoami");
  equal(refused.status, 77, refused.err);
  match(refused.err, /is not trusted/);
});
