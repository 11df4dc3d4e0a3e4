import { createHash, X509Certificate } from "node:crypto";
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { join } from "node:path";
import { TestIdentities } from "../../../../tests/support/keyring_identities.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { authorityFingerprint, ServerCertificateFile } from "./server_certificate.ts";

const never = new AbortController().signal;
const dayMs = 86_400_000;

class TestServer extends TestIdentities {
  at(path: string, names: readonly string[]): ServerCertificateFile {
    return new ServerCertificateFile(path, names, this);
  }
}

Deno.test("ServerCertificateFile.current() makes a pair once, in a file of mode 0600", async () => {
  await using server = new TestServer();
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    const made = await server.at(path, ["localhost", "10.0.0.1", "2001:db8::1"]).current(never);
    equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    equal(await Deno.readTextFile(path), made.key + made.chain);
    const again = await server.at(path, ["localhost", "10.0.0.1", "2001:db8::1"]).current(never);
    equal(again.chain, made.chain);
    equal(again.notAfter, made.notAfter);
  });
});

Deno.test("ServerCertificateFile.current() makes a new pair with 30 days left, for other names, and for a broken file", async () => {
  await using server = new TestServer();
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    const first = await server.at(path, ["localhost"]).current(never);
    await server.time.advance(59 * dayMs);
    equal((await server.at(path, ["localhost"]).current(never)).chain, first.chain);
    await server.time.advance(dayMs);
    const second = await server.at(path, ["localhost"]).current(never);
    notEqual(second.chain, first.chain);
    notEqual(second.key, first.key);
    const third = await server.at(path, ["localhost", "keys.example.org"]).current(never);
    notEqual(third.chain, second.chain);
    for (const broken of ["", "x", third.chain, third.key, first.key + third.chain]) {
      await Deno.writeTextFile(path, broken);
      const made = await server.at(path, ["localhost", "keys.example.org"]).current(never);
      equal(await Deno.readTextFile(path), made.key + made.chain);
    }
  });
});

Deno.test("ServerCertificateFile.current() makes a new pair for a store with another authority", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    await using others = new TestServer();
    await using mine = new TestServer();
    const other = await others.at(path, ["localhost"]).current(never);
    notEqual((await mine.at(path, ["localhost"]).current(never)).chain, other.chain);
  });
});

Deno.test("ServerCertificateFile.current() keeps its pair in memory while the file cannot be written, and says why", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "absent", "server.pem");
    await using server = new TestServer();
    const file = server.at(path, ["localhost"]);
    const { failure, ...made } = await file.current(never);
    match(failure?.message ?? "", /^Cannot write the TLS key .*absent\/server\.pem: /);
    const again = await file.current(never, made);
    deepEqual([again.chain, again.failure?.message], [made.chain, failure?.message]);
    notEqual((await server.at(path, ["other"]).current(never, made)).chain, made.chain);
    await server.time.advance(61 * dayMs);
    notEqual((await file.current(never, made)).chain, made.chain);
    const { failure: _, ...next } = await file.current(never, made);
    await Deno.mkdir(join(folder, "absent"));
    deepEqual(await file.current(never, next), next);
    equal(await Deno.readTextFile(path), next.key + next.chain);
  });
});

Deno.test("ServerCertificateFile.current() replaces a pair that ends soon, though its file can be read and not be replaced", async () => {
  await inFolder(async (folder) => {
    await using server = new TestServer();
    const old = await server.authority.serverCertificate(["localhost"], never);
    // A name with room for the file, and not for the longer name of a new file beside it.
    const path = join(folder, "s".repeat(255));
    await Deno.writeTextFile(path, old.key + old.chain);
    const file = server.at(path, ["localhost"]);
    deepEqual(await file.current(never), old);
    await server.time.advance(61 * dayMs);
    const { failure, chain } = await file.current(never);
    match(failure?.message ?? "", /^Cannot write the TLS key /);
    notEqual(chain, old.chain);
    equal(await Deno.readTextFile(path), old.key + old.chain);
  });
});

Deno.test("authorityFingerprint() is the hash of the public key of the authority, not of the server", async () => {
  await using server = new TestServer();
  await inFolder(async (folder) => {
    const { chain } = await server.at(join(folder, "server.pem"), ["localhost"]).current(never);
    const hashOf = (pem: string) =>
      createHash("sha256").update(new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })).digest(
        "hex",
      );
    equal(authorityFingerprint(chain), hashOf(await server.authority.trusted(never)));
    notEqual(authorityFingerprint(chain), hashOf(chain));
  });
});
