import { equal, match, notEqual, rejects } from "node:assert/strict";
import { join } from "node:path";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { FakeRecordStore } from "../../../../tests/support/fake_record_store.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { CertificateAuthority } from "./certificate_authority.ts";
import { ServerCertificateFile } from "./server_certificate.ts";

const never = new AbortController().signal;
const dayMs = 86_400_000;

function opened() {
  const clock = new FakeClock();
  const authority = new CertificateAuthority({ store: new FakeRecordStore(clock), clock });
  const at = (path: string, names: readonly string[]) => new ServerCertificateFile(path, names, { authority, clock });
  return { clock, authority, at };
}

Deno.test("ServerCertificateFile.current() makes a pair once, in a file of mode 0600", async () => {
  const { at } = opened();
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    const made = await at(path, ["localhost", "10.0.0.1", "2001:db8::1"]).current(never);
    equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    equal(await Deno.readTextFile(path), made.key + made.chain);
    const again = await at(path, ["localhost", "10.0.0.1", "2001:db8::1"]).current(never);
    equal(again.chain, made.chain);
    equal(again.notAfter, made.notAfter);
  });
});

Deno.test("ServerCertificateFile.current() makes a new pair with 30 days left, for other names, and for a broken file", async () => {
  const { at, clock } = opened();
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    const first = await at(path, ["localhost"]).current(never);
    await clock.advance(59 * dayMs);
    equal((await at(path, ["localhost"]).current(never)).chain, first.chain);
    await clock.advance(dayMs);
    const second = await at(path, ["localhost"]).current(never);
    notEqual(second.chain, first.chain);
    notEqual(second.key, first.key);
    const third = await at(path, ["localhost", "keys.example.org"]).current(never);
    notEqual(third.chain, second.chain);
    for (const broken of ["", "x", third.chain, third.key, first.key + third.chain]) {
      await Deno.writeTextFile(path, broken);
      const made = await at(path, ["localhost", "keys.example.org"]).current(never);
      equal(await Deno.readTextFile(path), made.key + made.chain);
    }
  });
});

Deno.test("ServerCertificateFile.current() makes a new pair for a store with another authority", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "server.pem");
    const other = await opened().at(path, ["localhost"]).current(never);
    const mine = opened();
    notEqual((await mine.at(path, ["localhost"]).current(never)).chain, other.chain);
  });
});

Deno.test("ServerCertificateFile.current() says so if the file cannot be written", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "absent", "server.pem");
    await rejects(opened().at(path, ["localhost"]).current(never), (thrown: Error) => {
      match(thrown.message, /^Cannot write the TLS key .*absent\/server\.pem: /);
      return true;
    });
  });
});
